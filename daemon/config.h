/* config: the files of DESIGN section 12 -> one immutable, counted value; or an error that names file,
 * line, key and what would be right. Reading is in config_read.c, writing in config_write.c; what keys
 * there are, in config_table. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "client/protocol.h"
#include "daemon/lockout.h"
#include "daemon/account.h"
#include "daemon/device.h"
#include "daemon/policy.h"
#include "daemon/session.h"

#define CONFIG_ERROR_MAX    1024
#define CONFIG_FILE_MAX     1048576
#define CONFIG_LINE_MAX     4096
#define CONFIG_POLICIES_MAX 256 /* [policy default] is one of them */
#define CONFIG_REALMS_MAX   64  /* [realm default] is one of them */

/* Who signs for the users of a realm, and for whom. */
struct realm {
        char name[REALM_MAX + 1];
        char issuer[ISSUER_MAX + 1];     /* default: that of [token] */
        char audience[AUDIENCE_MAX + 1]; /* default: that of [token] if it was given there, else the issuer */
};

/* Who is told of a device never seen before: the user's other live sessions, on their terminals. */
enum notify_new_device { NOTIFY_NO, NOTIFY_TTY };

struct config {
        unsigned references; /* atomic; use config_ref and config_unref */

        /* [daemon] */
        enum certificate_identity certificate_identity;
        enum notify_new_device notify_new_device;
        struct name_list uncounted_keys; /* SHA256:… */
        gid_t admin_gid;                 /* of sessjwt-admin; (gid_t) -1 if there is no such group */

        /* [token] */
        char issuer[ISSUER_MAX + 1];     /* default: the host name, as "sessjwt://HOSTNAME" */
        char audience[AUDIENCE_MAX + 1]; /* default: the issuer */
        char typ[16];                    /* at+jwt | JWT */
        usec_t key_lifetime;             /* of a signing key, before it is rotated */
        enum on_password_change on_password_change;
        usec_t refresh_grace; /* how long a rotated refresh token is forgiven; 0: not at all */
        bool token_file;      /* each session has a file with a fresh token, for its user alone */

        /* [services]: patterns; counted, nested, ignored given; every other service is tracked. `tracked`
         * names exceptions to the patterns. */
        struct name_list counted, tracked, nested, ignored;

        /* [lock] */
        struct lockout_rules lock;

        /* [history] */
        usec_t history_keep;   /* 0: for ever */
        uint32_t history_size; /* events; 0: any number */

        /* [policy NAME] in order, [policy default] always last */
        struct policy *policies;
        size_t n_policies;

        /* [realm NAME]; "default" always exists and is first */
        struct realm *realms;
        size_t n_realms;

        size_t n_unresolved_groups; /* a health failure until they can be */

        /* Where it came from, in the order of reading; none for config_read. */
        struct name_list files;
};

/* Reads `file` and its drop-ins `file`.d/ *.conf in order of name; a later file overrides an earlier one
 * key by key. With file NULL: the systemd way, the main file from /etc/sessjwt, else from
 * /usr/lib/sessjwt, then the drop-ins of both, of which those in /etc/sessjwt win by name; no file at all
 * is a valid configuration. Files must belong to root or to us and be writable by their owner alone.
 * Groups are resolved here (NSS: not on the loop thread). 0; -EINVAL, -E2BIG (a file, a line, the number
 * of policies or realms), -EPERM, -ENOMEM or a read error, with a line for people in error ("FILE:LINE:
 * KEY: what is wrong; right is …"). */
int config_load(const char *file, struct config **ret, char error[static CONFIG_ERROR_MAX]);

/* The same from memory, as one file called `name`; for tests and the fuzzer. */
int config_read(const char *name, const char *text, size_t size, struct config **ret,
        char error[static CONFIG_ERROR_MAX]);

/* From any thread. unref leaves NULL and accepts it. */
struct config *config_ref(struct config *config);
void config_unref(struct config **config);

/* An exact name beats a pattern; among those of one kind ignored beats nested beats tracked beats counted.
 * What is in no list is tracked. */
enum session_class config_class(const struct config *config, const char *service);
bool config_has_realm(const struct config *config, const char *realm);
/* By name; NULL when there is none, which a session may outlive, too. */
const struct realm *config_realm(const struct config *config, const char *name);
/* By name, for sessions that outlive a reload; [policy default] when it is gone. */
const struct policy *config_policy(const struct config *config, const char *name);

/* The whole effective configuration as text that config_read accepts; for `sessjwtd --check-config` and
 * `sessjwt cat-config`. 0 with a malloced, NUL-terminated text; -ENOMEM. */
int config_write(const struct config *config, char **ret);
