/* config_read: files, or text, -> a configuration; declared in config.h. */
#include "daemon/config.h"

#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "client/cleanup.h"
#include "client/config_files.h"
#include "daemon/config_file.h"
#include "daemon/config_list.h"
#include "daemon/config_table.h"
#include "daemon/ini.h"

#define ONES_MAX      8 /* sections without a name */
#define INSTANCES_MAX (ONES_MAX + CONFIG_POLICIES_MAX + CONFIG_REALMS_MAX)

static_assert(CONFIG_LINE_MAX == INI_LINE_MAX, "one bound, two names");

/* Where a key was given last. */
struct place {
        unsigned file; /* counted from 1; 0: nowhere */
        unsigned line;
};

/* A configuration while it grows. [policy default] and [realm default] stand first until it is finished. */
struct reader {
        struct config *config;
        char *error;
        const char *files[CONFIG_FILES_MAX + 1]; /* by number */
        unsigned n_files;
        unsigned file; /* the one that is read, or complained of */
        unsigned line;
        const struct config_section *section;
        void *owner;          /* the struct that the section fills */
        struct place *places; /* of the section's keys */
        struct place all_places[INSTANCES_MAX][CONFIG_KEYS_MAX];
};

static int __attribute__((format(printf, 3, 4))) fail(struct reader *reader, int r, const char *format, ...) {
        va_list arguments;
        int n;

        n = snprintf(
                reader->error, CONFIG_ERROR_MAX, "%.512s:%u: ", reader->files[reader->file], reader->line);
        va_start(arguments, format);
        vsnprintf(reader->error + n, CONFIG_ERROR_MAX - (size_t) n, format, arguments);
        va_end(arguments);
        return r;
}

static int fail_memory(struct reader *reader) {
        snprintf(reader->error, CONFIG_ERROR_MAX, "out of memory");
        return -ENOMEM;
}

static void reader_free(struct reader **reader) {
        if (!*reader)
                return;
        config_unref(&(*reader)->config);
        free(*reader);
}

/* ---- sections ---- */

static const struct config_section *find_section(const char *name) {
        for (size_t i = 0; i < config_n_sections; i++)
                if (strcmp(config_sections[i].name, name) == 0)
                        return config_sections + i;
        return NULL;
}

static const struct config_section *policy_section(void) {
        return find_section("policy");
}

/* The values that stand in the table. Not one of them can be wrong, but memory can run out. */
static int set_initial(const struct config_section *section, void *owner) {
        char problem[CONFIG_PROBLEM_MAX];
        int r;

        assert(section);
        for (size_t i = 0; i < section->n_keys; i++) {
                if (!section->keys[i].initial)
                        continue;
                r = config_value_read(section->keys + i, section->keys[i].initial, owner, problem);
                if (r)
                        return r;
        }
        return 0;
}

static int find_or_add_policy(struct reader *reader, const char *name, size_t *ret_index) {
        struct config *config = reader->config;
        struct policy *policy;
        size_t i;

        for (i = 0; i < config->n_policies; i++) {
                if (strcmp(config->policies[i].name, name) == 0) {
                        *ret_index = i;
                        return 0;
                }
        }
        if (i == CONFIG_POLICIES_MAX)
                return fail(reader, -E2BIG, "[policy %s]: more than %d policies", name, CONFIG_POLICIES_MAX);
        policy = config->policies + config->n_policies++;
        snprintf(policy->name, sizeof(policy->name), "%s", name);
        if (set_initial(policy_section(), policy))
                return fail_memory(reader);
        *ret_index = i;
        return 0;
}

static int find_or_add_realm(struct reader *reader, const char *name, size_t *ret_index) {
        struct config *config = reader->config;
        size_t i;

        for (i = 0; i < config->n_realms; i++) {
                if (strcmp(config->realms[i].name, name) == 0) {
                        *ret_index = i;
                        return 0;
                }
        }
        if (i == CONFIG_REALMS_MAX)
                return fail(reader, -E2BIG, "[realm %s]: more than %d realms", name, CONFIG_REALMS_MAX);
        snprintf(config->realms[i].name, sizeof(config->realms[i].name), "%s", name);
        config->n_realms++;
        *ret_index = i;
        return 0;
}

/* Where the keys of a section were given: those without a name first, then the policies, then the realms. */
static struct place *places_of(struct reader *reader, const struct config_section *section, size_t index) {
        size_t first = section->kind == CONFIG_ONE      ? (size_t) (section - config_sections)
                       : section->kind == CONFIG_POLICY ? ONES_MAX
                                                        : ONES_MAX + CONFIG_POLICIES_MAX;

        return reader->all_places[first + index];
}

/* "policy customer" -> section and name, which is "" if there is none. */
static int split_section(struct reader *reader, const char *text, const char **ret_name) {
        char word[16];
        size_t length = strcspn(text, " \t");

        snprintf(word, sizeof(word), "%.*s", (int) length, text);
        *ret_name = text + length + strspn(text + length, " \t");
        reader->section = length < sizeof(word) ? find_section(word) : NULL;
        if (!reader->section)
                return fail(reader, -EINVAL,
                        "[%.64s]: unknown section; right are [daemon], [token], [services], [lock], [policy "
                        "NAME], "
                        "[realm NAME]",
                        text);
        if (reader->section->kind == CONFIG_ONE && **ret_name != '\0')
                return fail(reader, -EINVAL, "[%.64s]: right is [%s], without a name", text, word);
        if (reader->section->kind != CONFIG_ONE && !config_is_name(*ret_name))
                return fail(reader, -EINVAL,
                        "[%.64s]: right is [%s NAME], with a name of 1 to %d letters, digits, '_', '.', '-'",
                        text, word, POLICY_NAME_MAX);
        return 0;
}

static int read_section(struct reader *reader, const char *text) {
        const char *name;
        size_t i = 0;
        int r;

        r = split_section(reader, text, &name);
        if (r)
                return r;
        reader->owner = reader->config;
        if (reader->section->kind == CONFIG_POLICY) {
                r = find_or_add_policy(reader, name, &i);
                reader->owner = reader->config->policies + i;
        } else if (reader->section->kind == CONFIG_REALM) {
                r = find_or_add_realm(reader, name, &i);
                reader->owner = reader->config->realms + i;
        }
        if (r == 0)
                reader->places = places_of(reader, reader->section, i);
        return r;
}

/* ---- keys ---- */

/* The index of a key; n_keys if there is no such key. */
static size_t find_key(const struct config_section *section, const char *name) {
        size_t i = 0;

        while (i < section->n_keys && strcmp(section->keys[i].name, name) != 0)
                i++;
        return i;
}

static int fail_unknown_key(struct reader *reader, const char *name) {
        const struct config_section *section = reader->section;
        char names[512] = "", *p = names, *end = names + sizeof(names);

        for (size_t i = 0; i < section->n_keys && p < end; i++)
                p += snprintf(p, (size_t) (end - p), "%s%s", i ? ", " : "", section->keys[i].name);
        return fail(reader, -EINVAL, "%.64s: unknown key; right in [%s] are %s", name, section->name, names);
}

static int read_key(struct reader *reader, const char *name, const char *value) {
        const struct config_section *section = reader->section;
        char problem[CONFIG_PROBLEM_MAX] = "";
        const struct config_key *key;
        struct place *place;
        size_t i;
        int r;

        assert(section); /* a line before the first one is refused by its reader */
        i = find_key(section, name);
        if (i == section->n_keys)
                return fail_unknown_key(reader, name);
        key = section->keys + i;
        place = reader->places + i;
        if (place->file == reader->file)
                return fail(reader, -EINVAL,
                        "%s: given twice in its section, first in line %u; right is once", name, place->line);
        if (key->given && reader->owner == reader->config->policies)
                return fail(reader, -EINVAL,
                        "%s: [policy default] applies to all that the others leave; right is a policy of "
                        "another name",
                        name);
        r = config_value_read(key, value, reader->owner, problem);
        if (r == -ENOMEM)
                return fail_memory(reader);
        if (r)
                return fail(reader, r, "%s: %s; right is %s", name, problem, key->right);
        *place = (struct place){ reader->file, reader->line };
        return 0;
}

static int read_text(struct reader *reader, const char *name, const char *text, size_t size) {
        struct ini_entry entry;
        const char *problem;
        struct ini ini;
        int r;

        reader->file = ++reader->n_files;
        reader->files[reader->file] = name;
        reader->line = 0;
        if (size > CONFIG_FILE_MAX)
                return fail(reader, -E2BIG, "the file is larger than %d bytes", CONFIG_FILE_MAX);
        ini_init(&ini, text, size);
        for (;;) {
                r = ini_next(&ini, &entry, &problem);
                if (r == 0)
                        return 0;
                reader->line = entry.line;
                if (r < 0)
                        return fail(reader, r, "%s", problem);
                if (r == INI_SECTION)
                        r = read_section(reader, entry.section);
                else
                        r = read_key(reader, entry.key, entry.value);
                if (r)
                        return r;
        }
}

/* ---- beginning and end ---- */

static int reader_new(char *error, struct reader **ret) {
        _cleanup_(reader_free) struct reader *reader = calloc(1, sizeof(*reader));
        struct config *config;
        size_t index;

        snprintf(error, CONFIG_ERROR_MAX, "out of memory");
        assert(config_n_sections <= ONES_MAX);
        if (!reader)
                return -ENOMEM;
        reader->error = error;
        config = reader->config = calloc(1, sizeof(*config));
        if (!config)
                return -ENOMEM;
        config->references = 1;
        config->policies = calloc(CONFIG_POLICIES_MAX, sizeof(*config->policies));
        config->realms = calloc(CONFIG_REALMS_MAX, sizeof(*config->realms));
        if (!config->policies || !config->realms)
                return -ENOMEM;
        for (size_t i = 0; i < config_n_sections; i++)
                if (config_sections[i].kind == CONFIG_ONE && set_initial(config_sections + i, config))
                        return -ENOMEM;
        if (find_or_add_policy(reader, SESSJWT_DEFAULT_POLICY, &index) ||
                find_or_add_realm(reader, SESSJWT_DEFAULT_REALM, &index))
                return -ENOMEM;
        error[0] = '\0';
        *ret = TAKE(reader);
        return 0;
}

/* "sessjwt://HOSTNAME"; a name that is none of a host is not put into tokens. */
static void set_issuer(struct config *config) {
        char host[HOST_NAME_MAX + 1] = "";

        if (gethostname(host, sizeof(host)) < 0 || !config_is_name(host))
                snprintf(host, sizeof(host), "localhost");
        snprintf(config->issuer, sizeof(config->issuer), "sessjwt://%s", host);
}

/* What was not given of issuers and audiences. A realm with an issuer of its own is by default its own
 * audience too, unless [token] names one for all. */
static void set_names(struct config *config) {
        bool has_audience = *config->audience != '\0';

        if (!*config->issuer)
                set_issuer(config);
        if (!has_audience)
                memcpy(config->audience, config->issuer, sizeof(config->audience));
        for (size_t i = 0; i < config->n_realms; i++) {
                struct realm *realm = config->realms + i;

                if (!*realm->issuer)
                        memcpy(realm->issuer, config->issuer, sizeof(realm->issuer));
                if (!*realm->audience)
                        memcpy(realm->audience, has_audience ? config->audience : realm->issuer,
                                sizeof(realm->audience));
        }
}

static size_t count_unresolved(const struct group_list *groups) {
        size_t n = 0;

        for (size_t i = 0; i < groups->n; i++)
                n += groups->gids[i] < 0;
        return n;
}

/* A policy for a realm that nobody named would silently apply to nobody. */
static int check_realms(struct reader *reader) {
        struct config *config = reader->config;
        size_t key = find_key(policy_section(), "realm");

        for (size_t i = 0; i < config->n_policies; i++) {
                const struct policy *policy = config->policies + i;
                const struct place *place = places_of(reader, policy_section(), i) + key;

                if (!policy->has_realm || config_has_realm(config, policy->realm))
                        continue;
                reader->file = place->file;
                reader->line = place->line;
                return fail(reader, -EINVAL,
                        "realm: there is no realm '%s'; right is one that has its [realm NAME]",
                        policy->realm);
        }
        return 0;
}

static int finish(struct reader *reader, struct config **ret) {
        struct config *config = reader->config;
        struct policy fallback;
        int64_t gid;
        int r;

        r = check_realms(reader);
        if (r)
                return r;
        set_names(config);
        gid = config_find_group(SESSJWT_ADMIN_GROUP);
        config->admin_gid = gid < 0 ? (gid_t) -1 : (gid_t) gid;
        for (size_t i = 0; i < config->n_policies; i++)
                config->n_unresolved_groups += count_unresolved(&config->policies[i].groups) +
                                               count_unresolved(&config->policies[i].exempt_groups) +
                                               count_unresolved(&config->policies[i].roles.groups);

        fallback = config->policies[0];
        memmove(config->policies, config->policies + 1, (config->n_policies - 1) * sizeof(fallback));
        config->policies[config->n_policies - 1] = fallback;
        *ret = TAKE(reader->config);
        return 0;
}

static int note_file(struct config *config, const char *path) {
        char **names = reallocarray(config->files.names, config->files.n + 1, sizeof(*names));

        if (!names)
                return -ENOMEM;
        config->files.names = names;
        names[config->files.n] = strdup(path);
        if (!names[config->files.n])
                return -ENOMEM;
        config->files.n++;
        return 0;
}

static int read_file(struct reader *reader, const char *path) {
        _cleanup_(cleanup_free) char *text = NULL;
        size_t size;
        int r;

        r = config_file_read(path, CONFIG_FILE_MAX, &text, &size, reader->error, CONFIG_ERROR_MAX);
        if (r)
                return r;
        if (note_file(reader->config, path))
                return fail_memory(reader);
        return read_text(reader, path, text, size);
}

/* The files that count; one that was named must be there. */
static int find_files(const char *file, struct config_files *ret, char error[static CONFIG_ERROR_MAX]) {
        const char *const mains[] = { file ? file : SESSJWT_CONFIG_FILE,
                file ? NULL : SESSJWT_VENDOR_CONFIG_FILE, NULL };
        int r;

        r = file && access(file, F_OK) < 0 ? -errno : config_files_list(mains, ret);
        if (r == -E2BIG)
                snprintf(error, CONFIG_ERROR_MAX, "%.512s.d: more than %d files", *mains, CONFIG_FILES_MAX);
        else if (r)
                snprintf(error, CONFIG_ERROR_MAX, "%.512s: cannot be read: %s", *mains, strerror(-r));
        return r;
}

int config_load(const char *file, struct config **ret, char error[static CONFIG_ERROR_MAX]) {
        _cleanup_(config_files_done) struct config_files files = { 0 };
        _cleanup_(reader_free) struct reader *reader = NULL;
        int r;

        r = find_files(file, &files, error);
        if (r)
                return r;
        r = reader_new(error, &reader);
        if (r)
                return r;
        for (size_t i = 0; i < files.n; i++) {
                r = read_file(reader, files.paths[i]);
                if (r)
                        return r;
        }
        return finish(reader, ret);
}

int config_read(const char *name, const char *text, size_t size, struct config **ret,
        char error[static CONFIG_ERROR_MAX]) {
        _cleanup_(reader_free) struct reader *reader = NULL;
        int r;

        r = reader_new(error, &reader);
        if (r)
                return r;
        r = read_text(reader, name, text, size);
        if (r)
                return r;
        return finish(reader, ret);
}
