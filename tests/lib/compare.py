"""Do two servers hold the same? Every table of every user schema row by row, and everything else that a person made:
users, grants, routines, triggers, events, views."""
import hashlib
import re

import pymysql.cursors

SYSTEM = ("mysql", "sys", "performance_schema", "information_schema")
OWN_ACCOUNTS = ("root", "relevo", "relevo_events", "relevo_resync", "relevo_reader", "relevo_rebuild", "relevo_clone", "repl",
                "mysql.sys", "mysql.session", "mysql.infoschema")


def rows(session, sql, args=None):
    with session.cursor() as cursor:
        cursor.execute(sql, args)
        return cursor.fetchall()


def name_of(*parts):
    """schema, table: `schema`.`table`"""
    return ".".join("`" + part.replace("`", "``") + "`" for part in parts)


def _schemas(session):
    return sorted(r[0] for r in rows(session, "SELECT SCHEMA_NAME FROM information_schema.SCHEMATA")
                  if r[0] not in SYSTEM)


def _create(session, kind, schema, name, column):
    text = rows(session, f"SHOW CREATE {kind} {name_of(schema, name)}")[0][column]
    return re.sub(r" AUTO_INCREMENT=\d+", "", text or "")


def _table_digest(session, schema, table):
    columns = [r[0] for r in rows(session, "SELECT COLUMN_NAME FROM information_schema.COLUMNS WHERE TABLE_SCHEMA=%s"
                                  " AND TABLE_NAME=%s ORDER BY ORDINAL_POSITION", (schema, table))]
    names = ", ".join(name_of(c) for c in columns)
    total, count = 0, 0
    with session.cursor(pymysql.cursors.SSCursor) as cursor:
        cursor.execute(f"SELECT {names} FROM {name_of(schema, table)}")
        for row in cursor:
            # Summed, so that the order does not matter and nothing needs to be sorted.
            total += int.from_bytes(hashlib.sha256(repr(row).encode()).digest(), "big")
            count += 1
    digest = hashlib.sha256(str(total).encode())
    return f"{count} rows {digest.hexdigest()[:16]}"


def picture(session, volatile=()):
    """Everything comparable of one server: {what: text}. volatile: tables ("schema.table") whose rows are left out."""
    session.ping()
    with session.cursor() as cursor:
        cursor.execute("SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ")
    seen = {}
    for schema in _schemas(session):
        seen[f"schema {schema}"] = rows(session, f"SHOW CREATE DATABASE {name_of(schema)}")[0][1]
        for table, kind in rows(session, f"SHOW FULL TABLES IN {name_of(schema)}"):
            if kind == "VIEW":
                seen[f"view {schema}.{table}"] = _create(session, "VIEW", schema, table, 1)
                continue
            seen[f"table {schema}.{table}"] = _create(session, "TABLE", schema, table, 1)
            if f"{schema}.{table}" not in volatile:
                seen[f"rows {schema}.{table}"] = _table_digest(session, schema, table)
        for kind, source, name in (("PROCEDURE", "ROUTINES", "ROUTINE"), ("FUNCTION", "ROUTINES", "ROUTINE")):
            for (routine,) in rows(session, f"SELECT {name}_NAME FROM information_schema.{source} WHERE "
                                   f"{name}_SCHEMA=%s AND {name}_TYPE=%s", (schema, kind)):
                seen[f"{kind} {schema}.{routine}"] = _create(session, kind, schema, routine, 2)
        for (trigger,) in rows(session, "SELECT TRIGGER_NAME FROM information_schema.TRIGGERS WHERE TRIGGER_SCHEMA=%s",
                               (schema,)):
            seen[f"trigger {schema}.{trigger}"] = _create(session, "TRIGGER", schema, trigger, 2)
        for event in rows(session, "SELECT EVENT_NAME, DEFINER, EVENT_DEFINITION, EVENT_TYPE, INTERVAL_VALUE,"
                          " INTERVAL_FIELD FROM information_schema.EVENTS WHERE EVENT_SCHEMA=%s", (schema,)):
            seen[f"event {schema}.{event[0]}"] = repr(event[1:])  # its status rightly differs: one side only runs it
    for user, host, plugin in rows(session, "SELECT user, host, plugin FROM mysql.user"):
        account = f"'{user}'@'{host}'"
        seen[f"user {account}"] = plugin
        if user not in OWN_ACCOUNTS:
            secret = rows(session, "SELECT HEX(authentication_string) FROM mysql.user WHERE user=%s AND host=%s",
                          (user, host))[0][0]
            seen[f"secret {account}"] = hashlib.sha256((secret or "").encode()).hexdigest()[:16]
        seen[f"grants {account}"] = "\n".join(sorted(r[0] for r in rows(session, f"SHOW GRANTS FOR {account}")))
    return seen


def compare_all_tables(a, b, volatile=("relevo.heartbeat",)):
    """Lines that say what differs between the servers behind sessions a and b; empty if nothing does."""
    left, right = picture(a, volatile), picture(b, volatile)
    lines = []
    for what in sorted(left.keys() | right.keys()):
        if what not in left or what not in right:
            lines.append(f"{what}: only on the {'second' if what not in left else 'first'}")
        elif left[what] != right[what]:
            lines.append(f"{what}: {left[what]!r} != {right[what]!r}")
    return lines
