/* libc_faults: stands in for libc's functions before a library under test: of what that asks for, the n-th is
 * refused, or each is interrupted first. Counts what it holds meanwhile. A test says whose calls are meant
 * (is_watched), and stands in for more functions by the same macros. */
#pragma once

#include <dlfcn.h>
#include <errno.h>
#include <link.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>

/* A sanitizer asks for memory and more before it can watch anything. */
#define UNWATCHED __attribute__((no_sanitize("address", "thread", "undefined")))

enum plan { NOTHING, FAIL_NTH, INTERRUPT_EACH };

static struct {
        _Atomic(enum plan) plan; /* other threads ask, too */
        unsigned n;              /* FAIL_NTH: which one, */
        bool lasts;              /* with all that follow it, */
        const char *of;          /* of this function's; NULL: of all; */
        int error;               /* with this errno, and nothing refuses memory; 0: the function's own */
        unsigned seen;           /* how many calls there were */
        unsigned n_interrupted;
        const char *failed; /* which function it was; NULL: there were not so many */
        int said;           /* and its errno, */
        const void *caller; /* and who called it */
} fault;

/* Blocks of memory that anybody has and did not give back. */
static atomic_long n_blocks;

/* Whether calls from there are meant. Calls of others are not counted. */
UNWATCHED static bool is_watched(const void *caller);

/* A place in memory, and whether it is in an object of that name. dladdr would look for its symbol, too. */
struct place {
        ElfW(Addr) address;
        const char *object;
};

UNWATCHED static int is_place_in(struct dl_phdr_info *info, size_t size, void *userdata) {
        const struct place *place = userdata;

        if (!strstr(info->dlpi_name, place->object))
                return 0;
        for (int i = 0; i < info->dlpi_phnum; i++)
                if (info->dlpi_phdr[i].p_type == PT_LOAD &&
                        place->address - info->dlpi_addr - info->dlpi_phdr[i].p_vaddr <
                                info->dlpi_phdr[i].p_memsz)
                        return 1;
        return 0;
}

UNWATCHED static bool is_in(const void *address, const char *object) {
        return dl_iterate_phdr(is_place_in, &(struct place){ (ElfW(Addr)) address, object }) != 0;
}

static void fail_nth(unsigned n) {
        fault.n = n;
        fault.seen = 0;
        fault.failed = NULL;
        fault.plan = FAIL_NTH;
}

/* Whether this call is the one. */
UNWATCHED static bool fails(const char *name, const void *caller, int error) {
        if (fault.plan != FAIL_NTH || !is_watched(caller) || (fault.of && strcmp(fault.of, name) != 0))
                return false;
        if (fault.error && error == ENOMEM)
                return false;
        fault.seen++;
        if (fault.lasts ? fault.seen < fault.n : fault.seen != fault.n)
                return false;
        fault.failed = name;
        fault.caller = caller;
        fault.said = fault.error ? fault.error : error;
        errno = fault.said;
        return true;
}

/* Every other call of each function that can be: so each is done in the end. */
UNWATCHED static bool is_interrupted(const void *caller, bool *before) {
        if (fault.plan != INTERRUPT_EACH || !is_watched(caller))
                return false;
        *before = !*before;
        fault.n_interrupted += *before;
        errno = EINTR;
        return *before;
}

#define CALLER __builtin_return_address(0)

/* A function as libc has it, under the name `real`. */
#define REAL(name) __typeof__(&name) real = (__typeof__(&name)) dlsym(RTLD_NEXT, #name)

#define STAND_IN(result, name, parameters, arguments, error, failure)                                        \
        UNWATCHED result name parameters {                                                                   \
                REAL(name);                                                                                  \
                return fails(#name, CALLER, error) ? (failure) : real arguments;                             \
        }

#define STAND_IN_INTERRUPTED(result, name, parameters, arguments, error)                                     \
        UNWATCHED result name parameters {                                                                   \
                static bool before;                                                                          \
                REAL(name);                                                                                  \
                return is_interrupted(CALLER, &before) || fails(#name, CALLER, error) ? -1 : real arguments; \
        }

STAND_IN(int, lstat, (const char *path, struct stat *st), (path, st), EACCES, -1)
STAND_IN(int, setsockopt, (int fd, int level, int name, const void *value, socklen_t size),
        (fd, level, name, value, size), ENOPROTOOPT, -1)
STAND_IN_INTERRUPTED(
        int, connect, (int fd, const struct sockaddr *address, socklen_t size), (fd, address, size), EACCES)

/* What stands behind malloc: a sanitizer's allocator, or libc's own. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define ALLOCATOR(name) __interceptor_##name
#else
#define ALLOCATOR(name) __libc_##name
#endif

extern void *ALLOCATOR(malloc)(size_t size);
extern void *ALLOCATOR(calloc)(size_t n, size_t size);
extern void *ALLOCATOR(realloc)(void *p, size_t size);
extern void ALLOCATOR(free)(void *p);

UNWATCHED static void *counted(void *p) {
        n_blocks += p != NULL;
        return p;
}

UNWATCHED void *malloc(size_t size) {
        return fails("malloc", CALLER, ENOMEM) ? NULL : counted(ALLOCATOR(malloc)(size));
}

UNWATCHED void *calloc(size_t n, size_t size) {
        return fails("calloc", CALLER, ENOMEM) ? NULL : counted(ALLOCATOR(calloc)(n, size));
}

UNWATCHED void *realloc(void *p, size_t size) {
        void *new = fails("realloc", CALLER, ENOMEM) ? NULL : ALLOCATOR(realloc)(p, size);

        n_blocks += (new && !p) - (p && !new &&size == 0);
        return new;
}

UNWATCHED void *reallocarray(void *p, size_t n, size_t size) {
        void *new = NULL;

        if (!fails("reallocarray", CALLER, ENOMEM) && !__builtin_mul_overflow(n, size, &size))
                new = ALLOCATOR(realloc)(p, size);
        n_blocks += new && !p;
        return new;
}

UNWATCHED void free(void *p) {
        int error = errno;

        n_blocks -= p != NULL;
        ALLOCATOR(free)(p);
        errno = error;
}

UNWATCHED char *strdup(const char *text) {
        size_t size = strlen(text) + 1;
        char *copy = fails("strdup", CALLER, ENOMEM) ? NULL : counted(ALLOCATOR(malloc)(size));

        return copy ? memcpy(copy, text, size) : NULL;
}
