#include "daemon/list_token.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "client/base64url.h"
#include "client/cleanup.h"
#include "client/json.h"
#include "client/jws.h"
#include "daemon/status_list.h"

#define OTHER_CLAIMS_MAX (STATUS_URI_MAX * 6 + 256) /* a character of JSON may become six */

void list_token_uri(const char *issuer, char ret[static STATUS_URI_MAX + 1]) {
        snprintf(ret, STATUS_URI_MAX + 1, "%.*s/status", ISSUER_MAX, issuer);
}

static void write_claims(
        struct json_writer *w, const struct list_token_facts *facts, const char *list, size_t list_length) {
        int64_t issued_at = (int64_t) (facts->now_wall / USEC_PER_SEC);
        int64_t lifetime = (int64_t) (facts->lifetime / USEC_PER_SEC);

        if (lifetime < 1)
                lifetime = 1;
        json_open_object(w);
        json_member_string(w, "sub", facts->uri);
        json_member_integer(w, "iat", issued_at);
        json_member_integer(w, "exp", issued_at + lifetime);
        json_member_integer(w, "ttl", lifetime < STATUS_LIST_TTL_SEC ? lifetime : STATUS_LIST_TTL_SEC);
        json_key(w, "status_list");
        json_open_object(w);
        json_member_integer(w, "bits", STATUS_BITS);
        json_key(w, "lst");
        json_put_string_n(w, list, list_length);
        json_close_object(w);
        json_close_object(w);
}

/* 0 with a malloced text. */
static int make_payload(const struct list_token_facts *facts, char **ret, size_t *ret_size) {
        _cleanup_(cleanup_free) char *list = NULL, *payload = NULL;
        size_t bound = status_list_bound(facts->view.size), length;
        struct json_writer w;
        int r;

        list = malloc(bound);
        if (!list)
                return -ENOMEM;
        r = status_list_write(&facts->view, list, bound, &length);
        if (r < 0)
                return r;
        payload = malloc(length + OTHER_CLAIMS_MAX);
        if (!payload)
                return -ENOMEM;
        json_writer_init(&w, payload, length + OTHER_CLAIMS_MAX);
        write_claims(&w, facts, list, length);
        r = json_writer_finish(&w, ret_size);
        if (r < 0)
                return r == -EILSEQ ? -EINVAL : r;
        *ret = TAKE(payload);
        return 0;
}

int list_token_mint(
        const struct keyring *keyring, const struct list_token_facts *facts, char **ret, size_t *ret_length) {
        _cleanup_(cleanup_free) char *payload = NULL, *token = NULL;
        uint8_t signature[JWS_SIGNATURE_SIZE];
        const char *kid = keyring_active(keyring);
        size_t payload_size, size, length;
        int r;

        if (!kid)
                return -ENOKEY;
        if (!*facts->uri)
                return -EINVAL;
        r = make_payload(facts, &payload, &payload_size);
        if (r < 0)
                return r;
        size = BASE64URL_SIZE(JWS_HEADER_MAX) + 1 + BASE64URL_SIZE(payload_size) + 1 +
               BASE64URL_SIZE(JWS_SIGNATURE_SIZE);
        token = malloc(size + 1);
        if (!token)
                return -ENOMEM;
        r = jws_write_signed_text(kid, LIST_TOKEN_TYP, payload, payload_size, token, size, &length);
        if (r == 0)
                r = keyring_sign(keyring, token, length, signature);
        if (r == 0)
                r = jws_append_signature(token, size, length, signature, &length);
        if (r < 0)
                return r;
        token[length] = '\0';
        *ret = TAKE(token);
        *ret_length = length;
        return 0;
}
