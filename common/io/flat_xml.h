/* flat_xml: looks into the XML that providers' APIs answer with: elements that are found by their
 * names, without attributes. A '<' in a value is always written as &lt;, so that searching finds
 * elements only. Bounded and without memory of its own; nothing here checks that a document is
 * XML. Pure. */
#ifndef DROVER_FLAT_XML_H
#define DROVER_FLAT_XML_H

#include <stdbool.h>
#include <stddef.h>

/* A part of somebody else's text; not terminated. */
struct piece {
    const char *at;
    size_t n;
};

/* Where the text begins within it, or NULL. */
const char *piece_find(struct piece in, const char *text);
bool piece_equal(struct piece piece, const char *text);

/* The text of the first <name>...</name>, names of up to 36 characters. False: there is none. */
bool flat_xml_element(struct piece in, const char *name, struct piece *ret_text);
/* The same, and *in goes on behind it. */
bool flat_xml_next(struct piece *in, const char *name, struct piece *ret_text);

/* The value without entities, terminated. False: it does not fit. */
bool flat_xml_value(struct piece in, char *ret_value, size_t value_size);
/* Appends with entities. False: it does not fit. */
bool flat_xml_append(char *xml, size_t xml_size, const char *value);

/* The text of the first <name> that is no further inside than `in` itself. False: there is none, or
 * this is no XML of elements alone. */
bool flat_xml_child(struct piece in, const char *name, struct piece *ret_text);

#endif
