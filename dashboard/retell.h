// A sentence of the catalogue, told again in another language: its values are read back out of the sentence by laying
// the catalogue's text over it. The state hash carries the sentence and its id only. Pure.
#pragma once
#include "common/messages.h"

// Writes why in lang into out; as it came if msg is unknown or its text does not fit the sentence.
void retell(const char *msg, const char *why, enum lang lang, char *out, size_t size_bytes);
// The reason of a resync job or of a refused rung, whose id is not recorded: it is looked for in the catalogue.
void retell_job(const char *why, enum lang lang, char *out, size_t size_bytes);
