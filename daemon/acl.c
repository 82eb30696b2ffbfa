#include "daemon/acl.h"

#include <endian.h>
#include <errno.h>
#include <linux/posix_acl.h>
#include <linux/posix_acl_xattr.h>
#include <stdint.h>
#include <sys/xattr.h>

#define N_ENTRIES 5

static struct posix_acl_xattr_entry entry(unsigned tag, unsigned rights, uint32_t id) {
        return (struct posix_acl_xattr_entry){
                .e_tag = htole16((uint16_t) tag), .e_perm = htole16((uint16_t) rights), .e_id = htole32(id)
        };
}

int acl_let_user(int fd, uid_t uid, unsigned owner_rights, unsigned user_rights) {
        const struct {
                struct posix_acl_xattr_header header;
                struct posix_acl_xattr_entry entries[N_ENTRIES]; /* in this order, which the kernel checks */
        } acl = {
                .header.a_version = htole32(POSIX_ACL_XATTR_VERSION),
                .entries = { entry(ACL_USER_OBJ, owner_rights, ACL_UNDEFINED_ID),
                        entry(ACL_USER, user_rights, uid), entry(ACL_GROUP_OBJ, 0, ACL_UNDEFINED_ID),
                        entry(ACL_MASK, user_rights, ACL_UNDEFINED_ID),
                        entry(ACL_OTHER, 0, ACL_UNDEFINED_ID) },
        };

        return fsetxattr(fd, "system.posix_acl_access", &acl, sizeof(acl), 0) < 0 ? -errno : 0;
}
