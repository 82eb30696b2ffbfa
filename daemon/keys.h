/* keys: the signing keys between store, keyring and public/. The store is the truth: the writer thread
 * rotates keys there (keys_tend, keys_rotate), the loop thread afterwards takes what it finds (keys_apply):
 * publishes it, then signs with it. What a crash left between the two is mended by the next start, which does
 * the same. */
#pragma once

#include "daemon/config.h"
#include "daemon/effect.h"
#include "daemon/rotation.h"
#include "daemon/service.h"

/* What rotations are judged by, now. */
struct rotation_rule keys_rule(const struct config *config, const struct boot_id *boot, struct moment now);

/* At start, before there is a writer thread: reads the credential, makes keys that are missing, wraps those
 * that were kept in the clear, fills service->keyring and service->keyset. 0 or negative errno, said in the
 * log. */
int keys_load(struct service *service, const struct rotation_rule *rule);

/* Fills service->seal from the store; at the first start makes one and keeps it. It is bound to the wrapping
 * key, if there is one: refresh tokens of before are then refused. Behind keys_load, before the writer thread
 * is started. 0 or negative errno. */
int keys_load_seal(struct service *service);

/* Writes public/jwks.json under runtime_dir. 0 or negative errno. */
int keys_publish(const struct service *service, const char *runtime_dir);

/* Loop thread, after a commit that changed keys: publishes them, then puts them in the place of those that
 * service had. 0. Negative errno: nothing was changed, they are to be applied again later; but if revoked,
 * the former keys are given up whether the new ones could be published or not, and the file that still shows
 * them is taken away. */
int keys_apply(struct service *service, const char *runtime_dir, bool revoked);

/* Whether a change did something that is to be applied; and whether it revoked keys. */
bool keys_have_changed(const struct effects *effects);
bool keys_were_revoked(const struct effects *effects);

/* The heads of all kept keys, with nothing private in them. 0; -EBADMSG; negative errno. */
int keys_read(struct store_txn *txn, struct rotation *ret);

/* ---- keys_turn.c: in a turn ---- */

/* What is due by itself: retiring keys go, an old active one is rotated, missing ones are made. */
int keys_tend(struct store_txn *txn, const struct wrapping_key *wrapping, const struct rotation_rule *rule,
        struct effects *effects);
/* Rotates now. compromised: no key that there was is trusted any more, nor published. 0 with what is kept
 * then; ROTATION_FULL; negative errno. */
int keys_rotate(struct store_txn *txn, const struct wrapping_key *wrapping, const struct rotation_rule *rule,
        bool compromised, enum initiator initiator, struct effects *effects, struct rotation *ret);
/* Wraps what is kept in the clear. */
int keys_wrap(struct store_txn *txn, const struct wrapping_key *wrapping);
