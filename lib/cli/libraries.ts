// What the command line takes from npm packages. scripts/cli-libraries.mjs bundles them into this file's place in dist/, so that the published
// package has no dependencies.

export { default as cliProgress } from 'cli-progress';
export { Command, CommanderError, Help, Option } from 'commander';
export { default as colors } from 'picocolors';

/** Set by the bundler: uPlot as text, for pages that work without a network. */
declare const UPLOT: { readonly script: string; readonly style: string; readonly license: string };

export const uplot = (): typeof UPLOT => UPLOT;
