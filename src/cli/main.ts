#!/usr/bin/env node
/** Entry of the `bures` command. */
import { runProgram } from './program.js';
import { processTerminal } from './terminal.js';

// If the channel to a parent closes (a sweep starts its runs with one), the program ends as on Ctrl-C.
process.on('disconnect', () => process.kill(process.pid, 'SIGINT'));
process.channel?.unref();

process.exitCode = await runProgram(process.argv.slice(2), processTerminal());
