/* The parts of topology_read, one table of fields for each group. Not for others. */
#ifndef DROVER_TOPOLOGY_READ_PARTS_H
#define DROVER_TOPOLOGY_READ_PARTS_H

#include "common/io/conf.h"
#include "common/topology/duration.h"
#include "common/topology/topology.h"

struct fields_table {
    const char *group;
    const struct field *fields;
    size_t fields_n;
};

extern const struct conf_names region_names, agent_names, component_names, link_names, check_names,
    drill_names;

/* Reads the list `at` element by element into consecutive structs; *ret_n of them. */
enum err topology_list(struct conf *conf, const struct config_setting_t *at, const char *what,
                       size_t n_max, uint8_t *ret_n, struct topology *topology,
                       enum err (*read)(struct conf *conf, const struct config_setting_t *at,
                                        struct topology *topology, uint8_t index));

/* The first walk: the name of entry `before_n` of an array of structs that begin with a name; the
 * first clear_size bytes of the entry are zeroed before. */
enum err topology_name_learn(struct conf *conf, const struct config_setting_t *at, char *first,
                             size_t entry_size, size_t clear_size, size_t before_n);

/* name = value pairs; names at most name_max characters. */
enum err topology_arguments(struct conf *conf, const struct config_setting_t *at, size_t name_max,
                            struct arguments *ret_arguments);

/* Sections; base is the struct topology. Names of regions, agents, components, links are known. */
enum err topology_read_components(struct conf *conf, const struct config_setting_t *at, void *base);
enum err topology_read_checks(struct conf *conf, const struct config_setting_t *at, void *base);
enum err topology_read_links(struct conf *conf, const struct config_setting_t *at, void *base);
enum err topology_read_plans(struct conf *conf, const struct config_setting_t *at, void *base);
enum err topology_read_operators(struct conf *conf, const struct config_setting_t *at, void *base);
enum err topology_read_backups(struct conf *conf, const struct config_setting_t *at, void *base);
enum err topology_read_drills(struct conf *conf, const struct config_setting_t *at, void *base);
enum err topology_read_parity(struct conf *conf, const struct config_setting_t *at, void *base);

extern const struct fields_table component_table, endpoint_table, check_table, link_table,
    plan_table, step_table, operator_table, backup_table, drill_table, parity_table;

#endif
