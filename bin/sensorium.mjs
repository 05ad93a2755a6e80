#!/usr/bin/env node
/** `npx sensorium …`: the command line of the platform, through the same door as everything else. */
import { main } from '../bootstrap/main.mjs';

process.exitCode = await main(['cli', ...process.argv.slice(2)]);
