"""Power switches as the fence_agent probe sees them: a BMC that speaks IPMI 2.0 (ipmi_sim, of the library OpenIPMI), asked by
fence_ipmilan, whose machine is a file; and programs that play no fence agent."""

from servers import Paused, free_port, wait_for

IPMILAN = "/usr/sbin/fence_ipmilan"
PASSWORD = "secret-of-a-bmc"  # IPMI knows at most 20 bytes
LONG_MS = 15000

CHASSIS = """#!/bin/sh
# DEVICE get|set power [0|1], as ipmi_sim asks
case "$2 $3" in
"get power") echo "power:$(cat {machine})" ;;
"set power") echo "$4" > {machine} ;;
*) exit 1 ;;
esac
"""
LAN = """name "bmc"
set_working_mc 0x20
  startlan 1
    addr 127.0.0.1 {port}
    priv_limit admin
    allowed_auths_admin none md2 md5 straight
    guid a123456789abcdefa123456789abcdef
  endlan
  chassis_control "{chassis} 0x20"
  user 2 true "drover" "{password}" admin 10 none md2 md5 straight
"""
MACHINE = "mc_setbmc 0x20\nmc_add 0x20 0 no-device-sdrs 0x23 9 8 0x9f 0x1291 0xf02\nmc_enable 0x20\n"


class Bmc:
    def __init__(self, lab):
        self.lab, self.port = lab, free_port()
        self.machine = lab.write("bmc.power", "1\n")
        chassis = lab.write("bmc.chassis", CHASSIS.format(machine=self.machine), mode=0o755)
        config = lab.write("bmc.lan", LAN.format(port=self.port, chassis=chassis, password=PASSWORD), mode=0o600)
        self.process = lab.start("bmc", ["ipmi_sim", "-c", config, "-f", lab.write("bmc.emu", MACHINE), "-s",
                                         lab.directory_for("bmc.state"), "-n"])
        ask = ["ipmitool", "-I", "lanplus", "-C", "3", "-R", "1", "-N", "1", "-H", "127.0.0.1", "-p", str(self.port), "-U", "drover", "-E"]
        wait_for("the BMC answers", lambda: lab.run([*ask, "chassis", "power", "status"], environment={"IPMI_PASSWORD": PASSWORD}))

    def lines(self, name, secret):
        """A device of agent.conf as the runners of probes and actions take it."""
        return [f"fence_device {name} {IPMILAN}", "fence_option ip=127.0.0.1", f"fence_option ipport={self.port}",
                "fence_option lanplus=1", "fence_option cipher=3", "fence_option username=drover",
                f"fence_option password_ref={secret}"]

    def is_on(self):
        with open(self.machine, encoding="ascii") as file:
            return file.read().strip() == "1"

    def switch(self, on):
        self.lab.write("bmc.power", "1\n" if on else "0\n")


def test_fence(t, lab):
    bmc = Bmc(lab)
    programs = {name: lab.write(f"fence_{name}", f"#!/bin/sh\n{body}\n", mode=0o755) for name, body in (
        ("hangs", "exec sleep 60"), ("drips", "while :; do echo on; sleep 0.05; done"), ("garbage", "printf '\\001{]garbage\\n'; exit 77"),
        ("pours", "exec cat /dev/zero"), ("tells", "cat >&2; exit 1"))}
    devices = {"r1-db2-power": bmc.lines("r1-db2-power", "bmc"), "wrong-password": bmc.lines("wrong-password", "wrong"),
               "no-secret": bmc.lines("no-secret", "none"),
               "none": ["fence_device none /usr/sbin/fence_of_nobody"],
               "unsafe": [f"fence_device unsafe {lab.write('anybody', '#!/bin/sh', mode=0o777)}"],
               **{name: [f"fence_device {name} {path}", "fence_option password_ref=bmc"] for name, path in programs.items()}}
    secret = f"secret bmc {lab.write('bmc.secret', PASSWORD, mode=0o600)}"

    def ask(device, timeout_ms=LONG_MS, **more):
        extra = [secret, *devices.get(device, [])]
        reading = t.probe("fence_agent", {"device": device, **more}, timeout_ms, "\n".join(extra))
        return {"err": "the password is in the reading"} if PASSWORD in str(reading) else reading
    t.see("fence_agent a login and its status", ask("r1-db2-power", expect="on"), err="OK", good=True, value=1, detail="r1-db2-power is on")
    t.see("fence_agent a wrong password", ask("wrong-password"), err="OK", good=False, detail="status ends with 1")
    t.see("fence_agent a secret that is not there", ask("no-secret"), err="NOT_FOUND", value=-1)
    bmc.switch(False)
    t.see("fence_agent off where on is expected", ask("r1-db2-power", expect="on"), err="OK", good=False, value=0, detail="is off")
    t.see("fence_agent off is as good where nothing is expected", ask("r1-db2-power"), err="OK", good=True, value=0)
    t.see("fence_agent nothing was switched", {"err": "OK" if not bmc.is_on() else "switched"}, err="OK")
    with Paused(bmc.process):
        t.see("fence_agent a BMC that hangs", ask("r1-db2-power", 1500), err="TIMEOUT", value=-1)
    lab.stop(bmc.process)
    t.see("fence_agent a BMC that is gone", ask("r1-db2-power", 1500), err=("TIMEOUT", "OK"), good=False)
    t.see("fence_agent a device that its own file does not name", ask("other"), err="DENIED", value=-1, detail="no fence device")
    t.see("fence_agent a program that is not there", ask("none"), err="NOT_FOUND", detail="fence-agents")
    t.see("fence_agent a program that anybody may write", ask("unsafe"), err="DENIED")
    t.see("fence_agent hung", ask("hangs", 700), err="TIMEOUT", value=-1)
    t.see("fence_agent byte by byte", ask("drips", 700), err="TIMEOUT", value=-1)
    t.see("fence_agent poured at", ask("pours", 700), err="TIMEOUT", value=-1)
    t.see("fence_agent garbage", ask("garbage"), err="OK", good=False, detail="ends with 77")
    t.see("fence_agent one that repeats its password", ask("tells"), err="OK", good=False, detail="tells a secret")
