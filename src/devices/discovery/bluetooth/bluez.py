"""Serves a Bluetooth adapter on a D-Bus of its own (python-dbusmock, template bluez5) for noble-radio.test.ts.

Prints the address of the bus, then obeys one JSON array a line: ["adapter"], ["device", address, name],
["advertise", address, {company: hex}, {uuid: hex}, rssi], ["power", bool]; answers each with "done". Ends with its input.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import dbus
import dbus.service
import dbusmock
from dbusmock import mockobject
from dbusmock.templates.bluez5 import *  # noqa: F403 (this file is a template itself: bluez5 with what it lacks)

BLUEZ = "org.bluez"
DEVICE = "org.bluez.Device1"
ADAPTER = "org.bluez.Adapter1"
ADAPTER_PATH = "/org/bluez/hci0"


@dbus.service.signal(dbusmock.OBJECT_MANAGER_IFACE, signature="oa{sa{sv}}")
def InterfacesAdded(self, path, interfaces):
    pass


@dbus.service.signal(dbusmock.OBJECT_MANAGER_IFACE, signature="oas")
def InterfacesRemoved(self, path, interfaces):
    pass


@dbus.service.signal(dbus.PROPERTIES_IFACE, signature="sa{sv}as")
def PropertiesChanged(self, interface, values, invalidated):
    pass


def declare(method):
    """BlueZ names its signals when it is introspected, the mock does not, and clients listen to named ones only."""
    table = mockobject.DBusMockObject._dbus_class_table["dbusmock.mockobject.DBusMockObject"]
    table.setdefault(method._dbus_interface, {})[method.__name__] = method


for each in (InterfacesAdded, InterfacesRemoved, PropertiesChanged):
    declare(each)


class Air(dbusmock.DBusTestCase):
    pass


def octets(text):
    return dbus.Array(bytes.fromhex(text), signature="y", variant_level=1)


def changed(bus, path, interface, properties):
    """As BlueZ tells of new values; UpdateProperties of the mock cannot carry a dictionary."""
    mock = dbus.Interface(bus.get_object(BLUEZ, path), dbusmock.MOCK_IFACE)
    nothing = dbus.Array([], signature="s")
    mock.EmitSignal(dbus.PROPERTIES_IFACE, "PropertiesChanged", "sa{sv}as", [interface, dbus.Dictionary(properties, signature="sv"), nothing])


def path_of(address):
    return ADAPTER_PATH + "/dev_" + address.upper().replace(":", "_")


def obey(bus, mock, words):
    what, *rest = words
    if what == "adapter":
        mock.AddAdapter("hci0", "test")
    elif what == "device":
        mock.AddDevice("hci0", *rest)
    elif what == "power":
        adapter = dbus.Interface(bus.get_object(BLUEZ, ADAPTER_PATH), dbusmock.MOCK_IFACE)
        adapter.UpdateProperties(ADAPTER, {"Powered": dbus.Boolean(rest[0])})
    elif what == "advertise":
        address, companies, services, rssi = rest
        changed(
            bus,
            path_of(address),
            DEVICE,
            {
                "RSSI": dbus.Int16(rssi),
                "ManufacturerData": dbus.Dictionary(
                    {dbus.UInt16(int(k, 16)): octets(v) for k, v in companies.items()}, signature="qv", variant_level=1
                ),
                "ServiceData": dbus.Dictionary({k: octets(v) for k, v in services.items()}, signature="sv", variant_level=1),
            },
        )


def main():
    Air.start_system_bus()
    bus = Air.get_dbus(True)
    server, objects = Air.spawn_server_template(__file__, {}, stdout=subprocess.DEVNULL)
    mock = dbus.Interface(objects, "org.bluez.Mock")
    print(json.dumps({"address": os.environ["DBUS_SYSTEM_BUS_ADDRESS"]}), flush=True)
    try:
        for line in sys.stdin:
            obey(bus, mock, json.loads(line))
            print("done", flush=True)
    finally:
        # Not by tearDownClass: it waits for seconds and leaves its folder behind.
        server.kill()
        os.kill(Air.system_bus_pid, signal.SIGTERM)
        shutil.rmtree(Path(Air.get_services_dir(True)).parent)


if __name__ == "__main__":
    main()
