// What the two nodes show about themselves: one look, no opinion. plan.h forms one.
#pragma once
#include "common/gtid.h"
#include "resync/peer.h"
#include "resync/plan.h"

struct node_facts {
    char uuid[NODE_UUID_SIZE];
    uint64_t server_id;
    char version[64];
    char platform[96];  // operating system and machine
    char layout[320];   // what a physical copy needs to be equal
    bool gtid_on, clone_active, read_only;
    uint64_t max_packet_bytes;
    struct gtid_set *executed, *purged;  // owned: node_facts_drop
};

bool facts_look(struct peer *peer, struct node_facts *ret);
void node_facts_drop(struct node_facts *facts);
#define AUTO_FACTS __attribute__((cleanup(node_facts_drop)))

// Both nodes seen as the plan needs them, the primary strictly after the recipient. donor may be NULL.
struct picture {
    struct node_facts recipient, primary;
    struct gtid_set *diverged;  // recipient \ primary; owned
};
bool picture_take(struct peer *recipient, struct peer *primary, struct picture *ret);
void picture_drop(struct picture *picture);
#define AUTO_PICTURE __attribute__((cleanup(picture_drop)))

// The plan's facts, without method and failures. donor: NULL if none was found.
bool facts_for_plan(struct peer *recipient, const struct picture *picture, const struct node_facts *donor,
                    struct plan_facts *ret);

// A copy brings the donor's accounts. Fails the job if the donor lacks one of Relevo's: the node could be neither governed
// nor copied to again.
bool facts_donor_accounts(struct peer *donor);

// Whether a name makes CLONE end half-way, with the recipient's data gone. Reads all names there are; an account that may
// not read the tables of a schema would be shown none of its names, hence the reader.
bool facts_names(struct peer *recipient, struct peer *donor_reader, bool *ret_break_clone);
