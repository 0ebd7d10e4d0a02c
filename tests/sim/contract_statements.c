// Long statements by name: [follow a] stands for what statements.sql says, {host a} for the name of that server.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "common/text.h"
#include "tests/sim/contract.h"

enum { STATEMENTS = 40, WORDS = 4, TEXT_SIZE = 2000 };

static struct statement {
    char words[WORDS][24];  // its name, then its parameters
    char text[TEXT_SIZE];
} statements[STATEMENTS];
static int count;

static int split(const char *from, size_t length, char words[WORDS][24]) {
    int found = 0;
    while (found < WORDS && length > 0) {
        size_t blank = strspn(from, " ");
        blank = blank < length ? blank : length;
        from += blank;
        length -= blank;
        size_t word = 0;
        while (word < length && from[word] != ' ') {
            word++;
        }
        if (word > 0) {
            (void)text_format(words[found++], 24, "%.*s", (int)word, from);
        }
        from += word;
        length -= word;
    }
    return found;
}

static void append(char *text, const char *line) {
    line += strspn(line, " ");
    size_t used = strlen(text), length = strcspn(line, "\n");
    length -= length > 0 && line[length - 1] == ';' ? 1 : 0;
    (void)text_format(text + used, TEXT_SIZE - used, "%s%.*s", used ? " " : "", (int)length, line);
}

void statements_read(const char *script_path) {
    const char *slash = strrchr(script_path, '/');
    AUTO_TEXT char *path = mem_format("%.*sstatements.sql", slash ? (int)(slash + 1 - script_path) : 0, script_path);
    FILE *file = fopen(path, "r");
    char line[TEXT_SIZE];
    count = 0;
    while (file && fgets(line, sizeof line, file)) {
        if (strncmp(line, "-- [", 4) == 0 && count < STATEMENTS) {
            statements[count] = (struct statement){0};
            (void)split(line + 4, strcspn(line + 4, "]"), statements[count++].words);
        } else if (count > 0 && strncmp(line, "--", 2) != 0 && *line != '\n') {
            append(statements[count - 1].text, line);
        }
    }
    if (file) {
        (void)fclose(file);
    }
}

void statements_free(void) {
    count = 0;
}

static void put_value(FILE *out, char words[WORDS][24], int found) {
    const struct node *node = found > 1 ? node_lettered(words[1][0]) : NULL;
    AUTO_TEXT char *gtids = NULL;
    if (found == 1) {
        fputs(text_equal(words[0], "password") ? world.settings.repl_password : words[0], out);
    } else if (text_equal(words[0], "session")) {
        fprintf(out, "%llu", (unsigned long long)speaker_session(speaker_named(words[1])));
    } else if (!node) {
        fputs("?", out);
    } else if (text_equal(words[0], "host")) {
        fputs(node->name, out);
    } else if (text_equal(words[0], "uuid")) {
        fputs(node->uuid, out);
    } else {
        gtids = text_equal(words[0], "received") ? node_received(node) : node_executed(node);
        fputs(gtids, out);
    }
}

// given: the words of the step's brackets, NULL: none.
static void put_braces(FILE *out, const char *from, size_t length, const struct statement *statement,
                       char given[WORDS][24]) {
    char words[WORDS][24] = {{0}};
    int found = split(from, length, words);
    for (int i = 0; i < found && statement; i++) {
        for (int k = 1; k < WORDS && *statement->words[k]; k++) {
            if (text_equal(words[i], statement->words[k])) {
                (void)text_copy(words[i], sizeof words[i], given[k]);
            }
        }
    }
    put_value(out, words, found);
}

char *statement_expand(const char *text) {
    const struct statement *statement = NULL;
    char given[WORDS][24] = {{0}};
    if (*text == '[') {
        (void)split(text + 1, strcspn(text + 1, "]"), given);
        for (int i = 0; i < count; i++) {
            statement = text_equal(statements[i].words[0], given[0]) ? &statements[i] : statement;
        }
        if (!statement) {
            return NULL;
        }
        text = statement->text;
    }
    char *made = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&made, &size);
    while (*text) {
        size_t plain = strcspn(text, "{");
        (void)fwrite(text, 1, plain, out);
        text += plain;
        if (*text == '{') {
            size_t inside = strcspn(text, "}");
            put_braces(out, text + 1, inside - 1, statement, given);
            text += inside + (text[inside] == '}' ? 1 : 0);
        }
    }
    (void)fclose(out);
    return made;
}
