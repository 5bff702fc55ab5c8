"""The rules from which the expected table was written, one function: what people would say of the three regions
P (active), D (standby), M (monitoring, where the members are) when they knew the cuts and what stands still.

1. A region is heard when its agent runs and its link to M holds.
2. A region looks at another one when it is heard itself (M: when its own vantage runs). It sees it serve when
   the link between them holds and the other's front serves; P's front serves with a healthy store only.
3. Nobody of P and D is heard, and M sees neither serve: monitoring-isolated, all three.
4. Silent, and more of those who look see it fail than serve: region-dark.
5. Silent otherwise: M looks and sees nothing, so another one sees it serve: region-isolated-but-serving.
   Else stale: its agents are silent, and nothing says that it is lost.
6. Heard, no store of it well, and more of those who look see it fail: region-sick.
7. Heard, a store not well or of the wrong role: component.
8. Heard and well in itself, but somebody who looks sees it fail, which the link explains: link-only.
9. Else well. M's vantage silent: M is stale.
"""

LINKS = ("PD", "PM", "DM")
CUTS = [" ".join(link for i, link in enumerate(LINKS) if bits >> i & 1) for bits in range(8)]
AGENTS = ("alive", "stopped", "killed")
STORES = ("healthy", "stopped", "hung", "wrong-role", "all-hung")


def combinations():
    """(cuts, agent of P, store of P, agent of D, vantage of M): all of P's; of D's and M's with the rest well."""
    for cuts in CUTS:
        for agent in AGENTS:
            for store in STORES:
                yield cuts, agent, store, "alive", "alive"
        for agent in AGENTS[1:]:
            yield cuts, "alive", "healthy", agent, "alive"
            yield cuts, "alive", "healthy", "alive", agent


def expected(cuts, agent_p, store, agent_d, vantage):
    """The classes of P, D and M."""
    cut = set(cuts.split())
    heard = {"P": agent_p == "alive" and "PM" not in cut, "D": agent_d == "alive" and "DM" not in cut}
    looks = dict(heard, M=vantage == "alive")
    front = {"P": store == "healthy", "D": True}

    def sees(eye, region):
        """None: it does not look."""
        link = "PD" if "M" not in (eye, region) else region + "M"
        return (link not in cut and front[region]) if looks[eye] else None

    alone = not heard["P"] and not heard["D"] and not sees("M", "P") and not sees("M", "D")

    def data_region(region, other):
        views = [view for view in (sees("M", region), sees(other, region)) if view is not None]
        fails = views.count(False) > views.count(True)
        if not heard[region]:
            if alone:
                return "monitoring-isolated"
            if fails:
                return "region-dark"
            return "region-isolated-but-serving" if sees("M", region) is False else "stale"
        if region == "P" and store == "all-hung" and fails:
            return "region-sick"
        if region == "P" and store != "healthy":
            return "component"
        return "link-only" if False in views else "well"

    monitoring = "monitoring-isolated" if alone else "well" if vantage == "alive" else "stale"
    return data_region("P", "D"), data_region("D", "P"), monitoring
