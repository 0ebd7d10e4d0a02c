// Names of Relevo's MySQL accounts besides the two that settings name (RELEVO_CONTROL_USER, RELEVO_REPL_USER). What each
// may do, and why, is in compose/mysql/initdb/10-accounts.sh.
//
// The rule behind the split: no session that can do more than the owner of a schema executes or resolves what that owner
// can turn into code. So whoever touches users' tables can do little else, and whoever can do much does not touch them,
// but for the node that is being rebuilt, where nobody can change a name meanwhile.
#pragma once

#define ACCOUNT_EVENTS "relevo_events"    // inserts into system_events
#define ACCOUNT_RESYNC "relevo_resync"    // looks at servers, holds locks, ends sessions that a job left
#define ACCOUNT_READER "relevo_reader"    // reads users' tables and definitions
#define ACCOUNT_REBUILD "relevo_rebuild"  // replaces what the node holds that is brought back
#define ACCOUNT_CLONE "relevo_clone"      // what a server logs in with at the donor of its clone
