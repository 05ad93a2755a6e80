"""A session of Paho for Python against a server, told by one JSON argument; prints what it saw as JSON.

Subscribes with a session that is kept, publishes at every QoS, goes away, and comes back for what it missed.
"""
import json
import sys
import threading

import paho.mqtt.client as mqtt
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

WAIT_S = 10
options = json.loads(sys.argv[1])
is_v5 = options["version"] == 5
base = f"paho/{options['version']}/{options['transport']}/{options['port']}"


class Session:
    def __init__(self, client_id, is_kept):
        self.is_kept = is_kept
        self.messages = []
        self.present = None
        self.code = None
        self.changed = threading.Condition()
        version = mqtt.MQTTv5 if is_v5 else mqtt.MQTTv311
        cleanness = {} if is_v5 else {"clean_session": not is_kept}
        client = mqtt.Client(client_id, protocol=version, transport=options["transport"], **cleanness)
        client.username_pw_set(options["username"], options["password"])
        if options["transport"] == "websockets":
            client.ws_set_options(path="/mqtt")
        if options.get("ca"):
            client.tls_set(options["ca"])
        client.on_connect = self.on_connect
        client.on_subscribe = lambda *_: self.note("subscribed")
        client.on_message = self.on_message
        client.on_disconnect = lambda *_: self.note("ended")
        self.client = client
        self.notes = []

    def note(self, what):
        with self.changed:
            self.notes.append(what)
            self.changed.notify_all()

    def on_connect(self, _client, _data, flags, code, _properties=None):
        self.present = flags["session present"]
        self.code = code.value if is_v5 else code
        self.note("connected")

    def on_message(self, _client, _data, message):
        seen = {"payload": message.payload.decode(), "qos": message.qos, "retain": bool(message.retain)}
        properties = getattr(message, "properties", None)
        if properties is not None and hasattr(properties, "UserProperty"):
            seen["user"] = [list(pair) for pair in properties.UserProperty]
        with self.changed:
            self.messages.append(seen)
            self.changed.notify_all()

    def wait(self, what, until):
        with self.changed:
            if not self.changed.wait_for(until, WAIT_S):
                sys.exit(f"waited for {what}; notes {self.notes}, messages {self.messages}")

    def connect(self):
        if is_v5:
            properties = Properties(PacketTypes.CONNECT)
            properties.SessionExpiryInterval = 60 if self.is_kept else 0
            how = {"clean_start": not self.is_kept, "properties": properties}
        else:
            how = {}
        self.client.connect("127.0.0.1", options["port"], **how)
        self.client.loop_start()
        self.wait("CONNACK", lambda: "connected" in self.notes)
        return self

    def subscribe(self, topic):
        self.client.subscribe(topic, qos=2)
        self.wait("SUBACK", lambda: "subscribed" in self.notes)

    def receive(self, count):
        self.wait(f"{count} messages", lambda: len(self.messages) >= count)

    def end(self):
        self.client.disconnect()
        self.wait("the end", lambda: "ended" in self.notes)
        self.client.loop_stop()


def publish(session, topic, payload, qos, retain=False):
    how = {}
    if is_v5:
        how["properties"] = Properties(PacketTypes.PUBLISH)
        how["properties"].UserProperty = ("from", "paho")
    session.client.publish(topic, payload, qos=qos, retain=retain, **how).wait_for_publish(WAIT_S)


publisher = Session(f"{base}/publisher".replace("/", "-"), False).connect()
name = f"{base}/subscriber".replace("/", "-")
publish(publisher, f"{base}/kept", "kept", 1, retain=True)

first = Session(name, True).connect()
first.subscribe(f"{base}/#")
first.receive(1)
for qos in (0, 1, 2):
    publish(publisher, f"{base}/live", f"live {qos}", qos)
first.receive(4)
first.end()

for qos in (1, 2):
    publish(publisher, f"{base}/missed", f"missed {qos}", qos)
second = Session(name, True).connect()
second.receive(2)
second.end()
publish(publisher, f"{base}/kept", "", 1, retain=True)
publisher.end()

print(json.dumps({"first": first.messages, "second": second.messages,
                  "present": [bool(first.present), bool(second.present)], "codes": [first.code, second.code]}))
