#!/usr/bin/env node
/** The entry of the `bures` command. */
import { runProgram } from './program.js';
import { processTerminal } from './terminal.js';

// A program that was started with a channel to its parent, such as a run by its sweep, ends with it as on Ctrl-C.
process.on('disconnect', () => process.kill(process.pid, 'SIGINT'));
process.channel?.unref();

process.exitCode = await runProgram(process.argv.slice(2), processTerminal());
