/* command_device: the verbs of devices, and which device an argument means. */
#include "client/command.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "client/cleanup.h"

static int load_devices(
        struct command *command, const char *user, const char *realm, bool all, struct objects *ret) {
        _cleanup_(objects_done) struct objects devices = { 0 };
        const char *device = NULL;
        int r;

        r = sessjwt_list_devices(command->c, user, realm, all);
        while (r == 0) {
                r = sessjwt_next_device(command->c, &device);
                if (r == 0 && !device)
                        break;
                if (r == 0)
                        objects_add(&devices, device);
        }
        if (r != 0)
                return r;
        *ret = devices;
        devices = (struct objects){ 0 };
        return 0;
}

/* ---- which one --------------------------------------------------------------------------------------- */

static bool is_hex(const char *text, size_t size) {
        return strspn(text, "0123456789abcdefABCDEF") == size;
}

/* The id is a hash, so that its beginning says as much as its end. A name counts only as it stands. */
static bool is_meant(const char *device, const char *argument) {
        _cleanup_(cleanup_free) char *id = print_member(device, "deviceId");
        _cleanup_(cleanup_free) char *name = print_member(device, "name");
        _cleanup_(cleanup_free) char *escaped = print_escape(argument);
        size_t size = strlen(argument), id_size = id ? strlen(id) : 0;

        if (name && strcmp(name, escaped) == 0)
                return true;
        return size >= DEVICE_PART_MIN && size <= id_size && is_hex(argument, size) &&
               (strncasecmp(id, argument, size) == 0 || strcasecmp(id + id_size - size, argument) == 0);
}

static int copy_id(const char *device, char ret[static DEVICE_ID_TEXT_MAX + 1]) {
        _cleanup_(cleanup_free) char *id = print_member(device, "deviceId");

        if (!id || strlen(id) > DEVICE_ID_TEXT_MAX) {
                fprintf(stderr, "sessjwt: The daemon sent a device without an id.\n");
                return STATUS_FAILED;
        }
        memcpy(ret, id, strlen(id) + 1);
        return STATUS_DONE;
}

/* All that the caller may see: everybody's for an admin, else his own. */
static int load_visible(struct command *command, struct objects *ret) {
        int r = load_devices(command, NULL, NULL, true, ret);

        return r == SESSJWT_E_PERMISSION_DENIED ? load_devices(command, NULL, NULL, false, ret) : r;
}

static int fail_ambiguous(const struct objects *devices, size_t n, const char *argument) {
        fprintf(stderr, "sessjwt: %zu devices are meant by %s; give more of the id:\n", n, argument);
        for (size_t i = 0; i < n; i++) {
                _cleanup_(cleanup_free) char *id = print_member(devices->items[i], "deviceId");
                _cleanup_(cleanup_free) char *user = print_member(devices->items[i], "user");
                _cleanup_(cleanup_free) char *name = print_member(devices->items[i], "name");

                fprintf(stderr, "  %s (%s, %s)\n", id, user ? user : "-", name ? name : "-");
        }
        return STATUS_FAILED;
}

/* The full id of the one device that the argument means. STATUS_DONE, or the exit status after what is wrong
 * was said. */
static int find_device(
        struct command *command, const char *argument, char ret[static DEVICE_ID_TEXT_MAX + 1]) {
        _cleanup_(objects_done) struct objects devices = { 0 };
        _cleanup_(cleanup_free) char *escaped = NULL;
        size_t n, size = strlen(argument);
        int r;

        if (!*argument)
                return fail_usage(command->verb,
                        "DEVICE is a device's id, its first or last %d characters or more, or its name",
                        DEVICE_PART_MIN);
        if (size == DEVICE_ID_TEXT_MAX && is_hex(argument, size)) { /* whatever others call theirs */
                for (size_t i = 0; i <= size; i++)
                        ret[i] = (char) tolower((unsigned char) argument[i]);
                return STATUS_DONE;
        }
        r = load_visible(command, &devices);
        if (r != 0)
                return fail_call(command, r);
        n = objects_select(&devices, is_meant, argument);
        if (n == 1)
                return copy_id(devices.items[0], ret);
        escaped = print_escape(argument);
        if (n > 1)
                return fail_ambiguous(&devices, n, escaped);
        fprintf(stderr, "sessjwt: No device that you may see has the id or the name %s.\n", escaped);
        return STATUS_FAILED;
}

/* ---- the verbs --------------------------------------------------------------------------------------- */

int command_devices(struct command *command) {
        _cleanup_(objects_done) struct objects devices = { 0 };
        int r;

        r = load_devices(command, command->user, command->realm, command->all, &devices);
        if (r != 0)
                return fail_call(command, r);
        if (command->format != FORMAT_TEXT) {
                print_objects(command, "devices", &devices);
                return STATUS_DONE;
        }
        table_devices(command, devices.items, devices.n, stdout);
        if (command->legend && devices.n == 0)
                puts("No devices.");
        else if (command->legend)
                printf("\n%zu device%s.\n", devices.n, devices.n == 1 ? "" : "s");
        return STATUS_DONE;
}

/* "Blocked device 1a2b3c4d (alice, laptop); ended 2 sessions." */
static void print_done(struct sessjwt *c, const char *done, const char *device_id) {
        const char *user = sessjwt_reply_string(c, "device.user");
        const char *name = sessjwt_reply_string(c, "device.name");
        _cleanup_(cleanup_free) char *whose = print_escape(user ? user : "-");
        _cleanup_(cleanup_free) char *what = print_escape(name ? name : "-");
        int64_t n = 0;

        printf("%s device %s (%s, %s)", done, print_short_id(device_id), whose, what);
        sessjwt_reply_integer(c, "revokedCount", &n);
        if (n > 0)
                printf("; ended %lld session%s", (long long) n, n == 1 ? "" : "s");
        puts(".");
}

static int report(struct command *command, int r, const char *done, const char *device_id) {
        if (r != 0)
                return fail_call(command, r);
        if (command->format != FORMAT_TEXT)
                print_json(command, sessjwt_reply(command->c));
        else
                print_done(command->c, done, device_id);
        return STATUS_DONE;
}

int command_device_rename(struct command *command) {
        char id[DEVICE_ID_TEXT_MAX + 1];
        int r = find_device(command, command->arguments[0], id);

        if (r != STATUS_DONE)
                return r;
        return report(command, sessjwt_rename_device(command->c, id, command->arguments[1]), "Renamed", id);
}

static int change(struct command *command, int (*call)(struct sessjwt *, const char *), const char *done) {
        char id[DEVICE_ID_TEXT_MAX + 1];
        int r = find_device(command, command->arguments[0], id);

        return r == STATUS_DONE ? report(command, call(command->c, id), done, id) : r;
}

int command_device_block(struct command *command) {
        return change(command, sessjwt_block_device, "Blocked");
}

int command_device_unblock(struct command *command) {
        return change(command, sessjwt_unblock_device, "Unblocked");
}

int command_device_forget(struct command *command) {
        return change(command, sessjwt_forget_device, "Forgot");
}
