#include "switch/port_rules.h"

#include <string.h>

static bool vlans_written(const struct vlan_set *set)
{
	static const struct vlan_set none;

	return memcmp(set, &none, sizeof(none)) != 0;
}

bool port_rules_wanted(const struct port_conf *conf)
{
	return conf->vlan || conf->tunnel || vlans_written(&conf->trunk) || conf->mac.n ||
	       conf->isolated == YES || conf->max_macs || conf->storm;
}

static void init_vlans(struct port_rules *rules, const struct port_conf *conf)
{
	rules->vlans = conf->trunk;
	if (conf->tunnel) {
		rules->mode = PORT_TUNNEL;
		rules->vlan = conf->tunnel;
		rules->any_inner = !vlans_written(&conf->trunk);
	} else if (vlans_written(&conf->trunk)) {
		rules->mode = PORT_TRUNK;
		rules->vlan = conf->native;
		/* A native VLAN is one of the trunk's, listed or not. */
		if (conf->native)
			rules->vlans.words[conf->native / 64] |= UINT64_C(1) << conf->native % 64;
	} else if (conf->vlan) {
		rules->mode = PORT_ACCESS;
		rules->vlan = conf->vlan;
	}
	rules->native_tagged = conf->native_tagged == YES;
	rules->priority_tags = conf->priority_tags == PRIORITY_TAGS_IF_NONZERO;
}

void port_rules_init(struct port_rules *rules, const struct port_conf *conf)
{
	memset(rules, 0, sizeof(*rules));
	init_vlans(rules, conf);
	rules->isolated = conf->isolated == YES;
	rules->storm = conf->storm;
	rules->max_macs = conf->max_macs;
	rules->n_macs = (uint8_t)conf->mac.n;
	for (unsigned i = 0; i < conf->mac.n; i++)
		memcpy(&rules->macs[i], conf->mac.macs[i], sizeof(conf->mac.macs[i]));
}
