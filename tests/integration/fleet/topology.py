"""topology.conf of the lab, as text. Regions east and west hold data; members stand in watch."""

from lab import plan

DATA = ("east", "west")
SLOTS = {"east": "region_primary", "west": "region_dr"}  # the slot a region uses while it is the standby


def _keys(fleet, name):
    """Both public halves; while keys are exchanged those of the next key, too."""
    rows = []
    for suffix, public in (("", fleet.public(name)), ("_next", fleet.public_next(name))):
        if public is not None:
            rows += [f'curve_key{suffix} = "{public["curve_key"]}";', f'sign_key{suffix} = "{public["sign_key"]}";']
    return " ".join(rows)


def _guard_key(fleet, name):
    following = fleet.public_next(f"{name}-guard")
    return (f'guard_key = "{fleet.public(f"{name}-guard")["sign_key"]}";'
            + (f' guard_key_next = "{following["sign_key"]}";' if following else ""))


def _agent(fleet, name, region, guarded):
    host = fleet.agents[name]
    lines = [f'name = "{name}"; region = "{region}";', _keys(fleet, name)]
    if guarded:
        lines += [_guard_key(fleet, name), "gate = true;",
                  f'peer_address = "tcp://{host.address}:7411";']
    return "    { " + " ".join(lines) + " }"


def _listing(rows):
    return "(\n" + ",\n".join(rows) + "\n);\n"


def lease(timing):
    return (f'lease: {{ lease = {timing.lease}; renew = {timing.renew}; fence = {timing.fence}; '
            f'gate_early = {timing.gate_early}; wait = {timing.wait}; promise = {timing.promise}; '
            f'tick = {timing.tick}; drift_ppm = 10000; on_quorum_loss = "{timing.on_quorum_loss}"; }};\n')


def pins(fleet):
    """What agents and guards pin: who is who, and the lease's numbers."""
    members = []
    for name, host in fleet.members.items():
        members.append(f'    {{ name = "{name}"; agents_address = "tcp://{host.address}:7401"; '
                       f'operators_address = "tcp://{host.address}:7402"; {_keys(fleet, name)} }}')
    agents = [_agent(fleet, name, fleet.agents[name].region, name in fleet.guarded) for name in fleet.agents]
    regions = ['    { name = "east"; kind = "data"; }', '    { name = "west"; kind = "data"; }',
               '    { name = "watch"; kind = "monitoring"; }']
    return (f'cluster = "lab";\ninitial_region = "east";\n{lease(fleet.timing)}'
            f"regions: {_listing(regions)}members: {_listing(members)}agents: {_listing(agents)}")


def _policy(timing):
    yes = {True: "true", False: "false"}
    return (f"policy: {{ automatic = {yes[timing.automatic]}; hold_down = {timing.hold_down}; settle = {timing.settle}; "
            f"silent = {timing.silent}; block = {timing.block}; rearm_needed = false; step_timeout = 30000; }};\n"
            'objectives: ( { tier = 1; rto = "4h"; rpo = "1h"; } );\n')


def _endpoint(region, address, agents, args):
    text = " ".join(f'{key} = "{value}";' for key, value in args.items())
    named = ", ".join(f'"{name}"' for name in agents)
    return f'        {{ region = "{region}"; address = "{address}"; agents = [{named}]; args: {{ {text} }}; }}'


def _component(name, kind, head, endpoints):
    return f'    {{ name = "{name}"; kind = "{kind}"; {head}\n      endpoints: (\n' + ",\n".join(endpoints) + "\n      ); }"


def database_args(fleet, region):
    hosts = fleet.databases(region)
    return {
        "patroni_urls": ",".join(f"http://{h.address}:8008" for h in hosts),
        "patroni_user": "patroni", "patroni_password_ref": "patroni",
        "pg_addresses": ",".join(f"{h.address}:5432" for h in hosts),
        "pg_user": "drover", "pg_password_ref": "postgres", "pg_database": plan.SCOPE, "epoch_table": "drover.epoch",
        "front_host": fleet.front(region).address, "front_port": plan.FRONT_POSTGRES_PORT,
        "slot_name": SLOTS[region], "data_directory": fleet.data_directory(hosts[0]),
        "pg_ctl": "/usr/lib/postgresql/15/bin/pg_ctl",
        # For a Patroni that is not up yet: a returning region is demoted before it can find that it leads.
        "etcd": f"http://{hosts[0].address}:{plan.ETCD_PORT}", "scope": plan.SCOPE,
    }


def redis_args(fleet, region):
    hosts = fleet.databases(region)
    sentinels = hosts + [fleet.front(region)]
    return {
        "redis_addresses": ",".join(f"{h.address}:6379" for h in hosts), "redis_password_ref": "redis",
        "sentinels": ",".join(f"{h.address}:26379" for h in sentinels), "sentinel_name": plan.SCOPE,
        "front_host": fleet.front(region).address, "front_port": plan.FRONT_REDIS_PORT,
    }


def _components(fleet):
    pg, redis, web, dns = [], [], [], []
    ns1 = fleet.lab.hosts["watch-ns1"].address
    for region in DATA:
        agents = [h.name for h in fleet.databases(region)]
        front = fleet.front(region).address
        pg.append(_endpoint(region, f"{front}:5000", agents, database_args(fleet, region)))
        redis.append(_endpoint(region, f"{front}:6380", agents, redis_args(fleet, region)))
        web.append(_endpoint(region, f"http://{front}", agents, {"url": f"http://{front}/health"}))
        dns.append(_endpoint(region, front, agents, {
            "servers": f"{ns1}:53", "zone": plan.ZONE, "name": f"api.{plan.ZONE}", "type": "A", "value": front,
            "ttl": fleet.lab.options["dns_ttl"], "key_name": "drover.", "key_secret_ref": "tsig"}))
    return _listing([
        _component("postgresql", "postgresql", "tier = 1; guarded = true;", pg),
        _component("redis", "redis", "tier = 1; guarded = true;", redis),
        _component("web", "http", 'tier = 1; needs = ["postgresql"];', web),
        _component("api", "dns", 'tier = 1; needs = ["web"];', dns)])


def _checks(fleet):
    timing, rows = fleet.timing, []
    pace = f"interval = {timing.check}; timeout = {timing.check_timeout}; failures = 2; passes = 1;"
    second = f"interval = {min(1000, timing.check)}; timeout = {min(900, timing.check)}; failures = 3;"
    for region in DATA:
        for host in fleet.databases(region):
            vital = "vital = true;" if host.name.endswith("1") else ""
            rows.append(f'    {{ name = "{host.name}-postgresql"; kind = "postgresql"; component = "postgresql"; '
                        f'agent = "{host.name}"; {vital} {pace} args: {{ address = "{host.address}:5432"; '
                        f'user = "drover"; password_ref = "postgres"; database = "{plan.SCOPE}"; }}; }}')
        # Whoever leads writes the canaries; a member that does not says what it has of them.
        for n, host in enumerate(fleet.databases(region)):
            place = region if n == 0 else host.name
            rows.append(f'    {{ name = "{place}-position"; kind = "postgresql"; component = "postgresql"; link = "postgresql"; '
                        f'agent = "{host.name}"; {second} args: {{ address = "{host.address}:5432"; '
                        f'user = "drover"; password_ref = "postgres"; database = "{plan.SCOPE}"; }}; }}')
            rows.append(f'    {{ name = "{place}-redis"; kind = "redis"; component = "redis"; link = "redis"; '
                        f'agent = "{host.name}"; {second} args: {{ address = "{host.address}:6379"; password_ref = "redis"; }}; }}')
            rows.append(f'    {{ name = "{place}-canary"; kind = "pg_canary"; component = "postgresql"; link = "postgresql-canary"; '
                        f'agent = "{host.name}"; {second} args: {{ address = "{host.address}:5432"; user = "drover"; '
                        f'password_ref = "postgres"; database = "{plan.SCOPE}"; table = "drover.canary"; }}; }}')
            rows.append(f'    {{ name = "{place}-redis-canary"; kind = "redis_canary"; component = "redis"; link = "redis-canary"; '
                        f'agent = "{host.name}"; {second} args: {{ address = "{host.address}:6379"; password_ref = "redis"; '
                        f'key = "drover:canary"; }}; }}')
        host = fleet.databases(region)[0]
        rows.append(f'    {{ name = "{region}-patroni"; kind = "patroni"; component = "postgresql"; agent = "{host.name}"; '
                    f'{pace} args: {{ url = "http://{host.address}:8008"; '
                    f"members = {len(fleet.databases(region))}; }}; }}")
        if timing.sessions:
            socket = f'{fleet.lab.hosts[f"{region}-front"].directory}/haproxy.sock'
            rows.append(f'    {{ name = "{region}-sessions"; kind = "haproxy"; component = "postgresql"; agent = "{host.name}"; '
                        f'ready = false; {second} args: {{ socket = "{socket}"; backend = "postgres_primary"; }}; }}')
        rows.append(f'    {{ name = "{region}-public"; kind = "http"; component = "web"; region = "{region}"; '
                    f"outside = true; vital = true; {pace} }}")
    return _listing(rows)


STEPS_AFTER = """
        { name = "promote-postgresql"; action = "patroni_promote"; component = "postgresql"; timeout = 30000; retries = 3;
          intent = "PostgreSQL of the target region takes writes"; },
        { name = "promote-redis"; action = "redis_promote"; component = "redis"; timeout = 30000; retries = 3;
          intent = "Redis of the target region takes writes"; },
        { name = "dns-api"; action = "dns_update"; component = "api"; needs = ["promote-postgresql"]; timeout = 15000;
          retries = 3; approval = "network-admin"; mandated = true; intent = "api.bud.test points to the target region"; },
        { name = "verify-web"; action = "verify"; component = "web"; needs = ["promote-postgresql"]; timeout = 60000;
          retries = 2; intent = "The application of the target region answers"; }"""

STEPS_BEFORE = """
        { name = "handoff-redis"; action = "redis_handoff"; component = "redis"; at = "source"; before_fence = true;
          timeout = 20000; intent = "Redis stops taking writes with nothing left behind"; },
        { name = "handoff-postgresql"; action = "patroni_handoff"; component = "postgresql"; at = "source";
          before_fence = true; timeout = 30000; intent = "PostgreSQL stops cleanly; its last position is known"; },
        { name = "await-position"; action = "pg_await_position"; component = "postgresql"; before_fence = true;
          needs = ["handoff-postgresql"]; timeout = 20000; intent = "The target has all of it"; },"""

STEPS_REPROTECT = """
        { name = "rejoin-postgresql"; action = "pg_rejoin"; component = "postgresql"; at = "source"; timeout = 90000;
          retries = 3; intent = "PostgreSQL of the returning region follows the active one"; },
        { name = "rejoin-redis"; action = "redis_demote"; component = "redis"; at = "source"; timeout = 30000;
          retries = 3; intent = "Redis of the returning region follows the active one"; }"""


# As in deploy/examples/bud.conf.
SERVES = """
        { name = "serves"; action = "verify"; component = "web"; needs = ["%s"]; timeout = 60000;
          intent = "What needs the store goes on answering"; }"""

SWITCH_POSTGRESQL = """
        { name = "switch-postgresql"; action = "patroni_switchover"; component = "postgresql"; timeout = 60000;
          locks = ["postgresql"]; approval = "database-admin"; intent = "Another member leads, and the others stream from it"; },"""

SWITCH_REDIS = """
        { name = "switch-redis"; action = "sentinel_failover"; component = "redis"; timeout = 60000;
          locks = ["redis"]; approval = "database-admin"; intent = "Another member is the master, and the others follow it"; },"""

INSIDE = (("component-postgresql", "component", SWITCH_POSTGRESQL + SERVES % "switch-postgresql"),
          ("component-redis", "component", SWITCH_REDIS + SERVES % "switch-redis"),
          ("component-drill", "drill", SWITCH_REDIS + SERVES % "switch-redis"))


def _plans(timing):
    after = STEPS_AFTER
    if timing.names_last:
        after = after.replace('needs = ["promote-postgresql"]; timeout = 15000', 'needs = ["verify-web"]; timeout = 15000')
        after = after.replace("timeout = 60000;\n          retries = 2;", "timeout = 4000;\n          retries = 1;")
    drill = [f'    {{ name = "exercise"; kind = "drill"; steps: ({timing.drill}\n    ); }}'] if timing.drill else []
    before = STEPS_BEFORE
    if timing.inside:
        # A hand-off beside a member that is being moved would hand over from the one that leads no more.
        for name in ("redis", "postgresql"):
            before = before.replace(f'component = "{name}"; at = "source";', f'component = "{name}"; at = "source"; locks = ["{name}"];')
        drill += [f'    {{ name = "{name}"; kind = "{kind}"; steps: ({steps}\n    ); }}' for name, kind, steps in INSIDE]
    return _listing([f'    {{ name = "failover"; kind = "failover"; steps: ({timing.announced}{after}\n    ); }}',
                     f'    {{ name = "switchover"; kind = "switchover"; steps: ({before}{after}\n    ); }}',
                     f'    {{ name = "reprotect"; kind = "reprotect"; steps: ({STEPS_REPROTECT}\n    ); }}'] + drill)


def _operators(fleet):
    rows = []
    for name, (person, role) in fleet.operators.items():
        rows.append(f'    {{ name = "{name}"; person = "{person}"; role = "{role}"; {_keys(fleet, name)} }}')
    return _listing(rows)


def text(fleet):
    return (pins(fleet) + 'document: { name = "Lab"; version = "1.0"; date = "2026-01-25"; status = "test"; };\n'
            + _policy(fleet.timing) + f"components: {_components(fleet)}"
            + 'links: ( { name = "postgresql"; kind = "stream"; component = "postgresql"; target_lag = "1m"; alert_lag = "5m"; },\n'
            '         { name = "postgresql-canary"; kind = "canary"; component = "postgresql"; target_lag = "1m"; },\n'
            '         { name = "redis-canary"; kind = "canary"; component = "redis"; target_lag = "5m"; },\n'
            f'         {{ name = "redis"; kind = "async"; component = "redis"; {fleet.timing.redis_lag} }} );\n'
            + f"checks: {_checks(fleet)}plans: {_plans(fleet.timing)}operators: {_operators(fleet)}")
