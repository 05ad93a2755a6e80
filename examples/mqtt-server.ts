/**
 * An MQTT server of your own in ten lines: durable, with the users and rights of your program.
 *
 *   node --conditions=sensorium-source examples/mqtt-server.ts
 *   mosquitto_pub -V 5 -u ada -P lovelace -q 1 -t ada/notes -m hello
 */
import { createMqttServer } from 'sensorium/mqtt';

const users = new Map([['ada', 'lovelace']]);
const server = await createMqttServer({
  dataDir: process.env['DATA_DIR'] ?? 'mqtt-data',
  port: Number(process.env['PORT'] ?? 1883),
  authenticate: ({ username = '', password }) =>
    users.get(username) === new TextDecoder().decode(password) ? username : undefined,
  authorize: (user, _action, topic) => topic.startsWith(`${user}/`),
});
process.stdout.write(`mqtt://127.0.0.1:${server.addresses.mqtt?.port}\n`);
process.once('SIGTERM', () => void server.stop());
