#include "client/digest.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/evp.h>

int digest_sha256(const void *bytes, size_t size, uint8_t ret[static DIGEST_SIZE]) {
        int ok;

        ERR_set_mark();
        ok = EVP_Digest(bytes, size, ret, NULL, EVP_sha256(), NULL);
        ERR_pop_to_mark();
        return ok == 1 ? 0 : -EIO;
}
