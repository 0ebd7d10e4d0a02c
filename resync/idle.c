#include "resync/idle.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/mem.h"
#include "common/text.h"

enum token {
    TOKEN_END,
    TOKEN_WORD,   // without quotes: a keyword, a name or a number
    TOKEN_NAME,   // in backquotes
    TOKEN_TEXT,   // in quotes
    TOKEN_DOT,    // between names
    TOKEN_COMMA,  // between the parts of a list
    TOKEN_OTHER,  // nothing that a statement of the list has
};

struct reader {
    const char *at, *end;
    enum token token;
    const char *word;  // the token's bytes
    size_t word_bytes;
};

static bool begins(const struct reader *reader, const char *text) {
    size_t length = strlen(text);
    return (size_t)(reader->end - reader->at) >= length && memcmp(reader->at, text, length) == 0;
}

static bool is_space(char c) {
    return c == ' ' || (c >= '\t' && c <= '\r');
}

static void skip_line(struct reader *reader) {
    const char *line = memchr(reader->at, '\n', (size_t)(reader->end - reader->at));
    reader->at = line ? line + 1 : reader->end;
}

// White space and comments. The server runs what stands in "/*!", and takes orders from "/*+": both stay where they
// are, and are no token of any statement here.
static void skip_blank(struct reader *reader) {
    while (reader->at < reader->end) {
        bool dashes = begins(reader, "--") && (reader->end - reader->at == 2 || is_space(reader->at[2]));
        if (is_space(*reader->at)) {
            reader->at++;
        } else if (*reader->at == '#' || dashes) {
            skip_line(reader);
        } else if (begins(reader, "/*") && !begins(reader, "/*!") && !begins(reader, "/*+")) {
            const char *close = memmem(reader->at + 2, (size_t)(reader->end - reader->at - 2), "*/", 2);
            if (!close) {
                return;
            }
            reader->at = close + 2;
        } else {
            return;
        }
    }
}

static bool of_word(char c) {
    return isalnum((unsigned char)c) || c == '_' || c == '$' || (unsigned char)c >= 0x80;
}

// A quote within quotes is doubled. A backslash quotes too, or does not, by the session's mode: not read here.
static enum token quoted(struct reader *reader, char quote) {
    for (reader->at++; reader->at < reader->end; reader->at++) {
        if (*reader->at == '\\' && quote != '`') {
            return TOKEN_OTHER;
        }
        if (*reader->at == quote) {
            reader->at++;
            if (reader->at == reader->end || *reader->at != quote) {
                return quote == '`' ? TOKEN_NAME : TOKEN_TEXT;
            }
        }
    }
    return TOKEN_OTHER;
}

static void next(struct reader *reader) {
    skip_blank(reader);
    reader->word = reader->at;
    if (reader->at == reader->end) {
        reader->token = TOKEN_END;
    } else if (of_word(*reader->at)) {
        while (reader->at < reader->end && of_word(*reader->at)) {
            reader->at++;
        }
        reader->token = TOKEN_WORD;
    } else if (*reader->at == '`' || *reader->at == '\'' || *reader->at == '"') {
        reader->token = quoted(reader, *reader->at);
    } else {
        reader->token = *reader->at == '.' ? TOKEN_DOT : *reader->at == ',' ? TOKEN_COMMA : TOKEN_OTHER;
        reader->at++;
    }
    reader->word_bytes = (size_t)(reader->at - reader->word);
}

// Whether the token is one of these words, which end with NULL.
static bool word_of(const struct reader *reader, const char *const *words) {
    for (; *words && reader->token == TOKEN_WORD; words++) {
        if (strlen(*words) == reader->word_bytes && strncasecmp(*words, reader->word, reader->word_bytes) == 0) {
            return true;
        }
    }
    return false;
}

static const char *const tables[] = {"TABLE", "TABLES", NULL};
static const char *const locals[] = {"NO_WRITE_TO_BINLOG", "LOCAL", NULL};

// What the server wrote into its binlog it had parsed: the words need not be in order to be what they say.
static bool flushes(struct reader *reader) {
    static const char *const options[] = {"BINARY", "ENGINE", "ERROR",      "GENERAL",         "SLOW",
                                          "RELAY",  "LOGS",   "PRIVILEGES", "STATUS",          "USER_RESOURCES",
                                          "HOSTS",  "FOR",    "CHANNEL",    "OPTIMIZER_COSTS", NULL};
    bool of_tables = word_of(reader, tables);
    for (; reader->token != TOKEN_END; next(reader)) {
        bool named = reader->token == TOKEN_WORD || reader->token == TOKEN_NAME || reader->token == TOKEN_DOT;
        bool listed = word_of(reader, options) || reader->token == TOKEN_TEXT;  // the channel's name
        if (reader->token != TOKEN_COMMA && !(of_tables ? named : listed)) {
            return false;
        }
    }
    return true;
}

static bool maintains(struct reader *reader) {
    if (!word_of(reader, tables)) {
        return false;
    }
    while (reader->token != TOKEN_END && reader->token != TOKEN_OTHER) {
        next(reader);
    }
    return reader->token == TOKEN_END;
}

static const struct verb {
    const char *words[2];
    enum idle idle;
    bool (*rest)(struct reader *reader);
} verbs[] = {
    {{"FLUSH", NULL}, IDLE_ALWAYS, flushes},
    {{"ANALYZE", NULL}, IDLE_ALWAYS, maintains},
    {{"OPTIMIZE", NULL}, IDLE_REBUILDS, maintains},
    {{"REPAIR", NULL}, IDLE_REBUILDS, maintains},
};

static void name_it(const struct verb *verb, const struct reader *object, char ret_name[IDLE_NAME_BYTES]) {
    bool of_tables = word_of(object, tables);
    (void)text_format(ret_name, IDLE_NAME_BYTES, "%s %.*s", verb->words[0], of_tables ? 5 : (int)object->word_bytes,
                      of_tables ? "TABLE" : object->word);
    for (char *c = ret_name; *c; c++) {
        *c = (char)toupper((unsigned char)*c);
    }
}

// A semicolon and what is blank behind it.
static size_t without_end(const char *text, size_t length_bytes) {
    while (length_bytes > 0 && is_space(text[length_bytes - 1])) {
        length_bytes--;
    }
    return length_bytes > 0 && text[length_bytes - 1] == ';' ? length_bytes - 1 : length_bytes;
}

enum idle idle_statement(const char *text, size_t length_bytes, char ret_name[IDLE_NAME_BYTES]) {
    struct reader reader = {.at = text, .end = text + without_end(text, length_bytes)};
    next(&reader);
    for (size_t i = 0; i < sizeof verbs / sizeof verbs[0]; i++) {
        if (!word_of(&reader, verbs[i].words)) {
            continue;
        }
        next(&reader);
        if (word_of(&reader, locals)) {
            next(&reader);
        }
        struct reader object = reader;
        if (object.token != TOKEN_WORD || !verbs[i].rest(&reader)) {
            return IDLE_NOT;
        }
        name_it(&verbs[i], &object, ret_name);
        return verbs[i].idle;
    }
    return IDLE_NOT;
}

enum idle idle_note(struct idle_seen *seen, const char *text, size_t length_bytes) {
    char name[IDLE_NAME_BYTES];
    enum idle idle = idle_statement(text, length_bytes, name);
    if (idle == IDLE_NOT) {
        return idle;
    }
    size_t at = 0;
    while (at < seen->kind_count && !text_equal(seen->kinds[at].name, name)) {
        at++;
    }
    if (at == seen->kind_count) {
        seen->kinds = mem_grow(seen->kinds, ++seen->kind_count, sizeof *seen->kinds);
        seen->kinds[at] = (struct idle_kind){0};
        (void)text_copy(seen->kinds[at].name, sizeof seen->kinds[at].name, name);
    }
    seen->kinds[at].count++;
    if (idle == IDLE_REBUILDS && !seen->rebuilds) {
        seen->rebuilds = name[0] == 'R' ? "REPAIR TABLE" : "OPTIMIZE TABLE";
    }
    return idle;
}

char *idle_text(const struct idle_seen *seen) {
    char *text = mem_text("");
    for (size_t i = 0; i < seen->kind_count; i++) {
        char count[32] = "";
        if (seen->kinds[i].count > 1) {
            (void)text_format(count, sizeof count, " (%" PRIu64 ")", seen->kinds[i].count);
        }
        mem_append(&text, i > 0 ? ", " : "");
        mem_append(&text, seen->kinds[i].name);
        mem_append(&text, count);
    }
    return text;
}

void idle_done(struct idle_seen *seen) {
    free(seen->kinds);
    *seen = (struct idle_seen){0};
}
