/**
 * A device in twenty lines: connects with its token and publishes a reading every second, QoS 1.
 *
 *   npx sensorium devices add thermo-1             prints the token
 *   TOKEN=… node examples/publish.ts thermo-1      sends until Ctrl-C
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { connectAsync } from 'mqtt';

const { MQTT_URL = 'mqtt://127.0.0.1:1883', TOKEN = '' } = process.env;
const device = process.argv[2] ?? 'thermo-1';
const client = await connectAsync(MQTT_URL, { clientId: device, username: device, password: TOKEN });

for (;;) {
  const temperature = Math.round(210 + 20 * Math.sin(Date.now() / 60_000)) / 10;
  const reading = { ts: Date.now(), values: { temperature } };
  // Resolves when the server has the reading on disk.
  await client.publishAsync(`v1/${device}/telemetry`, JSON.stringify(reading), { qos: 1 });
  process.stdout.write(`${temperature} °C is stored\n`);
  await sleep(1_000);
}
