/* api_service: the handlers that speak of the daemon itself. */
#include "daemon/api.h"

#include <stdio.h>
#include <string.h>

/* client/org.sessjwt.varlink as a C string, made by the Makefile. */
static const char interface_text[] =
#include "interface.inc"
        ;

static const char service_interface_text[] =
        "# Introspection of a Varlink service (https://varlink.org/Service).\n"
        "interface org.varlink.service\n"
        "\n"
        "# Who answers here, and which interfaces.\n"
        "method GetInfo() -> (vendor: string, product: string, version: string, url: string, interfaces: "
        "[]string)\n"
        "\n"
        "# The text of an interface.\n"
        "method GetInterfaceDescription(interface: string) -> (description: string)\n"
        "\n"
        "# There is no such interface here.\n"
        "error InterfaceNotFound (interface: string)\n"
        "\n"
        "# The interface has no such method.\n"
        "error MethodNotFound (method: string)\n"
        "\n"
        "# The method exists but cannot be called.\n"
        "error MethodNotImplemented (method: string)\n"
        "\n"
        "# A parameter is unknown, missing, too long or of the wrong type.\n"
        "error InvalidParameter (parameter: string)\n"
        "\n"
        "# The caller may not do this.\n"
        "error PermissionDenied ()\n"
        "\n"
        "# The method must be called with more.\n"
        "error ExpectedMore ()\n";

static const struct message_field no_fields[] = { { 0 } };

int on_get_info(struct request *q) {
        int r = api_read(q, no_fields, NULL);

        if (r)
                return r;
        json_member_string(&q->reply, "vendor", "sessjwt");
        json_member_string(&q->reply, "product", "sessjwtd");
        json_member_string(&q->reply, "version", SESSJWT_VERSION);
        json_member_string(&q->reply, "url", SESSJWT_URL);
        json_key(&q->reply, "interfaces");
        json_open_array(&q->reply);
        json_put_string(&q->reply, "org.varlink.service");
        json_put_string(&q->reply, SESSJWT_INTERFACE);
        json_close_array(&q->reply);
        return 0;
}

struct description_params {
        char interface[METHOD_NAME_MAX + 1];
};

static const struct message_field description_fields[] = {
        MESSAGE_FIELD_STRING(struct description_params, interface, "interface", true),
        { 0 },
};

int on_get_interface_description(struct request *q) {
        struct description_params p = { 0 };
        int r;

        r = api_read(q, description_fields, &p);
        if (r)
                return r;
        if (strcmp(p.interface, SESSJWT_INTERFACE) == 0) {
                json_member_string(&q->reply, "description", interface_text);
                return 0;
        }
        if (strcmp(p.interface, "org.varlink.service") == 0) {
                json_member_string(&q->reply, "description", service_interface_text);
                return 0;
        }
        snprintf(q->detail, sizeof(q->detail), "%s",
                p.interface); /* both bounds are of protocol.h: detail is the larger */
        return API_INTERFACE_NOT_FOUND;
}

int on_reload(struct request *q) {
        return api_read(q, no_fields, NULL);
}
