/* config_write: the effective configuration as text; declared in config.h. */
#include "daemon/config.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "client/cleanup.h"
#include "daemon/config_table.h"

static void cleanup_file(FILE **file) {
        if (*file)
                fclose(*file);
}

/* A name from a folder may hold a line feed, which would end the comment. */
static void write_origin(const char *path, FILE *file) {
        fputs("# from ", file);
        for (; *path; path++)
                fputc((unsigned char) *path < ' ' || *path == 0x7f ? '?' : *path, file);
        fputc('\n', file);
}

/* A condition that was not given is not written: an empty one would not be read. */
static void write_keys(const struct config_section *section, const void *owner, FILE *file) {
        for (size_t i = 0; i < section->n_keys; i++) {
                const struct config_key *key = section->keys + i;

                if (key->given && !*(const bool *) ((const char *) owner + key->given))
                        continue;
                fprintf(file, "%s = ", key->name);
                config_value_write(key, owner, file);
                fputc('\n', file);
        }
        fputc('\n', file);
}

static void write_section(const struct config_section *section, const struct config *config, FILE *file) {
        switch (section->kind) {
        case CONFIG_ONE:
                fprintf(file, "[%s]\n", section->name);
                write_keys(section, config, file);
                break;
        case CONFIG_REALM:
                for (size_t i = 0; i < config->n_realms; i++) {
                        fprintf(file, "[%s %s]\n", section->name, config->realms[i].name);
                        write_keys(section, config->realms + i, file);
                }
                break;
        case CONFIG_POLICY:
                for (size_t i = 0; i < config->n_policies; i++) {
                        fprintf(file, "[%s %s]\n", section->name, config->policies[i].name);
                        write_keys(section, config->policies + i, file);
                }
                break;
        }
}

int config_write(const struct config *config, char **ret) {
        _cleanup_(cleanup_free) char *text = NULL;
        _cleanup_(cleanup_file) FILE *file = NULL;
        size_t size;
        int r;

        file = open_memstream(&text, &size);
        if (!file)
                return -ENOMEM;
        for (size_t i = 0; i < config->files.n; i++)
                write_origin(config->files.names[i], file);
        if (config->files.n > 0)
                fputc('\n', file);
        for (size_t i = 0; i < config_n_sections; i++)
                write_section(config_sections + i, config, file);

        r = ferror(file) ? -ENOMEM : 0;
        if (fclose(TAKE(file)) != 0 || r)
                return -ENOMEM;
        *ret = TAKE(text);
        return 0;
}
