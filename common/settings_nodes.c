// RELEVO_NODES: name[:port] or name=address[:port], each with /repl=address[:port] behind it or not, by commas.
#include <string.h>
#include <strings.h>

#include "address.h"
#include "settings_value.h"
#include "text.h"

#define MYSQL_PORT 3306
#define REPL "repl="
// As it is written: two addresses with their ports, and the words between.
#define ITEM_SIZE (NODE_NAME_SIZE + 2 * (NODE_HOST_SIZE + 8) + 8)

// NULL: fine. Else what is wrong with it.
static const char *read_node(char *item, struct node_address *node) {
    char *repl = strchr(item, '/');
    if (repl != NULL) {
        *repl++ = '\0';
        if (strncmp(repl, REPL, sizeof REPL - 1) != 0 ||
            !address_split(repl + sizeof REPL - 1, MYSQL_PORT, node->source_host, sizeof node->source_host,
                           &node->source_port)) {
            return "only /repl=address[:port] may follow an address";
        }
    }
    char *address = strchr(item, '=');
    if (address != NULL) {
        *address++ = '\0';
    }
    char *where = address != NULL ? node->host : node->name;
    size_t where_size = address != NULL ? sizeof node->host : sizeof node->name;
    if (!address_split(address != NULL ? address : item, MYSQL_PORT, where, where_size, &node->port)) {
        return "neither host name, IPv4 nor [IPv6], or the port is not 1 to 65535";
    }
    bool named = address == NULL || text_copy(node->name, sizeof node->name, item);
    return named && address_is_label(node->name) ? NULL : "a name has no dots: name=address";
}

static bool same_place(const char *host_a, uint16_t port_a, const char *host_b, uint16_t port_b) {
    return port_a == port_b && strcasecmp(host_a, host_b) == 0;
}

static const char *clash(const struct node_address *a, const struct node_address *b) {
    if (strcasecmp(a->name, b->name) == 0) {
        return "the names must be different";
    }
    bool same = same_place(node_host(a), a->port, node_host(b), b->port) ||
                same_place(node_source_host(a), node_source_port(a), node_source_host(b), node_source_port(b));
    return same ? "the addresses must be different" : NULL;
}

static const char *add_node(struct settings *settings, char *item) {
    struct node_address node = {0};
    const char *wrong = settings->node_count == NODE_MAX ? "too many" : read_node(item, &node);
    for (size_t i = 0; wrong == NULL && i < settings->node_count; i++) {
        wrong = clash(&settings->nodes[i], &node);
    }
    if (wrong == NULL) {
        settings->nodes[settings->node_count++] = node;
    }
    return wrong;
}

static bool parse_nodes(const struct setting *setting, const char *value, struct settings *ret, struct err *err) {
    ret->node_count = 0;
    for (const char *at = value; at != NULL;) {
        size_t length = strcspn(at, ",");
        char item[ITEM_SIZE], shown[64];
        bool fits = text_format(item, sizeof item, "%.*s", (int)(length < ITEM_SIZE ? length : ITEM_SIZE), at);
        (void)text_copy(shown, sizeof shown, item);
        const char *wrong = fits ? add_node(ret, item) : "too long";
        if (wrong != NULL) {
            return err_set(err, ERR_INVALID, 0, "%s: \"%s\": %s. Allowed: %s", setting->name, shown, wrong,
                           setting->allowed);
        }
        at = at[length] == ',' ? at + length + 1 : NULL;
    }
    return true;
}

static void print_nodes(const struct setting *setting, const struct settings *settings, char *out, size_t size_bytes) {
    (void)setting;
    size_t used = 0;
    out[0] = '\0';
    for (size_t i = 0; i < settings->node_count; i++) {
        const struct node_address *node = &settings->nodes[i];
        char address[NODE_HOST_SIZE + 8], source[NODE_HOST_SIZE + 8] = "";
        address_print(node_host(node), node->port, address, sizeof address);
        if (node->source_host[0] != '\0') {
            address_print(node->source_host, node->source_port, source, sizeof source);
        }
        text_format(out + used, size_bytes - used, "%s%s%s%s%s%s", i > 0 ? "," : "",
                    node->host[0] != '\0' ? node->name : "", node->host[0] != '\0' ? "=" : "", address,
                    source[0] != '\0' ? "/" REPL : "", source);
        used = strlen(out);
    }
}
const struct setting_kind setting_nodes = {parse_nodes, print_nodes};
