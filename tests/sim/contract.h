// The contract suite, played against the model: tests/contract/README.md has the language. contract.c reads scripts and
// compares, contract_steps.c carries out the steps, contract_speakers.c has the sessions and clients, contract_facts.c
// says how a node stands.
#pragma once
#include "tests/sim/world.h"

// Plays each script; true if the model answers all of them as they say. told: prints what was played.
bool contract_play(char **paths, int count, bool told);

// --- private to contract*.c ---

enum { ANSWER_SIZE = 600 };

// The names in tests/contract/statements.sql, and what braces in a statement stand for.
void statements_read(const char *script_path);
void statements_free(void);
char *statement_expand(const char *text);  // heap; NULL: no such name

// One step. False: there is no such step. The answer is "" where nothing is to be said.
bool contract_step(const char *step, const char *expected, char answer[ANSWER_SIZE]);

// A session of the watcher ("a", "a2") or a client ("client 1"): one that speaks to a node and may have to wait.
enum speech { SPEECH_SQL, SPEECH_WRITE, SPEECH_WORK };
struct speaker *speaker_named(const char *name);
uint64_t speaker_session(const struct speaker *speaker);
void speaker_say(struct speaker *speaker, enum speech what, struct node *node, const char *text);
void speaker_hear(struct speaker *speaker, int64_t patience_ms, char answer[ANSWER_SIZE]);
void speakers_end(void);

struct node *node_lettered(char letter);  // NULL: there is none
void fact_tell(const struct node *node, const char *fact, char out[ANSWER_SIZE]);
void cell_tell(const char *cell, char out[ANSWER_SIZE]);  // uuids as names, GTID sets as counts
