/* command_object: the objects of a list, as the daemon sent them. */
#include "client/command.h"

#include <stdlib.h>
#include <string.h>

#include "client/cleanup.h"

void objects_done(struct objects *objects) {
        for (size_t i = 0; i < objects->n; i++)
                free(objects->items[i]);
        free(objects->items);
        *objects = (struct objects){ 0 };
}

void objects_add(struct objects *objects, const char *text) {
        if ((objects->n & (objects->n + 1)) == 0) /* full at 0, 1, 3, 7, … */
                objects->items = reallocarray(objects->items, objects->n * 2 + 1, sizeof *objects->items);
        if (!objects->items)
                fail_memory();
        objects->items[objects->n] = strdup(text);
        if (!objects->items[objects->n++])
                fail_memory();
}

size_t objects_select(
        struct objects *objects, bool (*matches)(const char *object, const char *text), const char *text) {
        size_t n = 0;

        for (size_t i = 0; i < objects->n; i++)
                if (matches(objects->items[i], text)) {
                        char *match = objects->items[i];

                        objects->items[i] = objects->items[n];
                        objects->items[n++] = match;
                }
        return n;
}

void print_objects(const struct command *command, const char *name, const struct objects *objects) {
        _cleanup_(cleanup_free) char *text = NULL;
        size_t size;
        FILE *out = open_memstream(&text, &size);

        if (!out)
                fail_memory();
        fprintf(out, "{\"%s\":[", name);
        for (size_t i = 0; i < objects->n; i++)
                fprintf(out, "%s%s", i ? "," : "", objects->items[i]);
        fputs("]}", out);
        if (fclose(out) != 0 || !text)
                fail_memory();
        print_json(command, text);
}
