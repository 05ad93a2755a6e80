/** Discovery on a network: real hosts that announce themselves, answer when asked, or do neither. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { Candidate } from '../../src/model/discovery.ts';
import { sensorium } from '../support/command-line.ts';
import { Server, temporaryDirectory, until } from '../support/server.ts';
import { FieldHost, noVirtualNetwork, VirtualNetwork } from '../support/virtual-network.ts';

if (noVirtualNetwork !== undefined) console.log(`discovery on a network: skipped: ${noVirtualNetwork}`);

// Where CI says that everything must run, a network that cannot be made is a failure.
describe.skipIf(noVirtualNetwork !== undefined && process.env['CI'] !== 'true')(
  'discovery on a network',
  () => {
    it('finds who announces, who answers, and nothing else; a watcher admits; decisions stay', async () => {
      await using network = new VirtualNetwork();
      const plug = await FieldHost.start(network, 'mdns');
      const light = await FieldHost.start(network, 'ssdp');
      const meter = await FieldHost.start(network, 'modbus');
      const silent = network.addHost();
      using directory = temporaryDirectory();
      const watcher = '    plugs: { service: _shelly._tcp, profile: energy-meter }';
      writeFileSync(
        join(directory.path, 'sensorium.yaml'),
        `discovery:\n  ranges: [${network.range}]\n  watchers:\n${watcher}\n`,
      );
      const options = {
        dataDir: join(directory.path, 'data'),
        flags: [
          '--discovery=mdns,ssdp,neighbours,modbus',
          `--config=${join(directory.path, 'sensorium.yaml')}`,
        ],
        within: network.inHub,
      };
      await using server = await Server.start(options);
      const list = async (...words: string[]): Promise<readonly Candidate[]> => {
        const { stdout, stderr } = await sensorium(server, 'discover', ...words, '--json');
        if (stderr !== '') throw new Error(stderr);
        return (JSON.parse(stdout) as { candidates: Candidate[] }).candidates;
      };
      const found = async (address: string, isIt: (one: Candidate) => boolean): Promise<Candidate> =>
        await until(`${address} in the inbox`, async () =>
          (await list('--state', 'all')).find(
            (one) => one.identifiers.ip?.includes(address) === true && isIt(one),
          ),
        );

      await until('scanners to run', async () => {
        const { stdout } = await sensorium(server, 'discover', 'scanners');
        return (stdout.match(/running/g) ?? []).length === 4 ? stdout : undefined;
      });
      await plug.announce('shellyplug-1');
      await light.announce('Hall lamp');

      const lamp = await found(
        light.address,
        (one) => one.manufacturer !== undefined && one.identifiers.mac !== undefined,
      );
      expect(lamp).toMatchObject({ state: 'new', name: 'Hall lamp', manufacturer: 'Acme', model: 'L-1' });
      // The neighbour table has tied the announcement to a MAC: one thing, two witnesses.
      expect(new Set(lamp.evidence.map(({ scanner }) => scanner))).toEqual(new Set(['ssdp', 'neighbours']));
      const power = await found(meter.address, (one) => one.model !== undefined);
      expect(power).toMatchObject({
        manufacturer: 'Acme',
        model: 'PM5110',
        suggestion: { profile: 'energy-meter' },
      });
      const admitted = await found(plug.address, (one) => one.state === 'admitted');
      expect(admitted).toMatchObject({ device: 'shellyplug-1', decidedBy: 'watcher:plugs' });
      // The silent host was asked by name of its range only, and is no more than a neighbour.
      const quiet = (await list()).find((one) => one.identifiers.ip?.includes(silent.address) === true);
      expect(quiet?.services ?? []).toEqual([]);
      expect(new Set(quiet?.evidence.map(({ scanner }) => scanner) ?? ['neighbours'])).toEqual(
        new Set(['neighbours']),
      );

      const { stdout } = await sensorium(
        server,
        'discover',
        'admit',
        lamp.id,
        '--as',
        'lamp',
        '--token',
        '--json',
      );
      expect(JSON.parse(stdout)).toMatchObject({
        device: { id: 'lamp', name: 'Hall lamp' },
        token: expect.any(String),
      });
      await sensorium(server, 'discover', 'ignore', power.id);
      await server.stop();

      await using again = await Server.start(options);
      const states = await until('the light to be seen again', async () => {
        await light.announce('Hall lamp');
        const { stdout: text } = await sensorium(again, 'discover', '--state', 'all', '--json');
        const { candidates } = JSON.parse(text) as { candidates: Candidate[] };
        const seen = candidates.find(({ id }) => id === lamp.id)?.evidence.length ?? 0;
        return seen > 0 ? candidates : undefined;
      });
      const stateOf = (address: string) =>
        states
          .filter(({ identifiers }) => identifiers.ip?.includes(address) === true)
          .map(({ state }) => state);
      expect([light, plug, meter].map(({ address }) => stateOf(address))).toEqual([
        ['admitted'],
        ['admitted'],
        ['ignored'],
      ]);
      await again.stop();
    }, 120_000);
  },
);
