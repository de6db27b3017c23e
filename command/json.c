// SPDX-License-Identifier: MIT OR Apache-2.0

#include "json.h"

#include "stats/format.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

void zp_json_begin(struct zp_json *json)
{
    *json = (struct zp_json){.empty = true};
}

// ---- Texts -----------------------------------------------------------------------------------

static void put_text(const char *text)
{
    const unsigned char *at = (const unsigned char *)text;
    putchar('"');
    while (*at != '\0') {
        size_t length = zp_character_bytes(at);
        if (*at == '"' || *at == '\\')
            printf("\\%c", *at);
        else if (*at < ' ' || *at == 0x7f)
            printf("\\u%04x", *at);
        else if (length == 0)
            fputs("\\ufffd", stdout);
        else
            fwrite(at, 1, length, stdout);
        at += length > 0 ? length : 1;
    }
    putchar('"');
}

// ---- Structure -------------------------------------------------------------------------------

static void put_name(struct zp_json *json, const char *name)
{
    if (json->depth > 0)
        printf("%s\n%*s", json->empty ? "" : ",", (int)json->depth * 2, "");
    json->empty = false;
    if (name != NULL) {
        put_text(name);
        fputs(": ", stdout);
    }
}

static void open_one(struct zp_json *json, const char *name, char opening, char closing)
{
    put_name(json, name);
    putchar(opening);
    json->closing[json->depth++] = closing;
    json->empty = true;
}

void zp_json_object(struct zp_json *json, const char *name)
{
    open_one(json, name, '{', '}');
}

void zp_json_list(struct zp_json *json, const char *name)
{
    open_one(json, name, '[', ']');
}

void zp_json_end(struct zp_json *json)
{
    json->depth--;
    if (!json->empty)
        printf("\n%*s", (int)json->depth * 2, "");
    putchar(json->closing[json->depth]);
    json->empty = false;
    if (json->depth == 0)
        putchar('\n');
}

// ---- Values ----------------------------------------------------------------------------------

void zp_json_text(struct zp_json *json, const char *name, const char *text)
{
    put_name(json, name);
    if (text != NULL)
        put_text(text);
    else
        fputs("null", stdout);
}

void zp_json_number(struct zp_json *json, const char *name, uint64_t number)
{
    put_name(json, name);
    printf("%llu", (unsigned long long)number);
}

void zp_json_real(struct zp_json *json, const char *name, double number)
{
    put_name(json, name);
    if (isfinite(number))
        printf("%.9g", number);
    else
        fputs("null", stdout);
}

void zp_json_bool(struct zp_json *json, const char *name, bool value)
{
    put_name(json, name);
    fputs(value ? "true" : "false", stdout);
}
