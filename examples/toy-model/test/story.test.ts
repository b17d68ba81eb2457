// The story as the README tells it: what is claimed must be so.
import { describe, expect, it } from 'vitest';
import { ArgumentError, HELP, parseArguments } from '../src/arguments.js';
import { DEFAULTS } from '../src/settings.js';
import { coherence, enlarge, find, train, unfoldFresh } from '../src/story.js';

const silent = () => {};

describe('the story', () => {
  it('finds all features of the default model, and rebuilds it without superposition', async () => {
    const settings = DEFAULTS;
    const models = await train(settings, silent);
    const model = models.get('afterwards');
    if (!model) throw new Error('no model');
    expect(await coherence(model)).toBeGreaterThan(0.1);
    const found = await find(model, settings, silent);
    expect(found.recovered).toBe(found.pairs.length);
    const unfolded = await unfoldFresh(model, found, settings);
    expect(unfolded.precision).toBeGreaterThan(0.98);
    expect(unfolded.recall).toBeGreaterThan(0.98);
    expect(unfolded.converged).toBe(1);
    const larger = await enlarge(model, found, settings);
    expect(larger.neurons).toBe(found.pairs.length);
    expect(larger.largest).toBeLessThan(1e-3);
    expect(larger.superposition.meanInterference).toBeLessThan(0.01);
  }, 120_000);
});

describe('arguments', () => {
  it.each([
    ['--features', '3'],
    ['--dims', '49'],
    ['--density', '0'],
    ['--density', 'x'],
    ['--seed', '1.5'],
  ])('refuses %s %s', (name, value) => {
    expect(() => parseArguments([name, value])).toThrow(ArgumentError);
    expect(() => parseArguments([name, value])).toThrow(new RegExp(`${name} must be .* got "${value}"`));
  });

  it('refuses what it does not know', () => {
    expect(() => parseArguments(['--sed', '1'])).toThrow(/sed/);
    expect(() => parseArguments(['word'])).toThrow();
  });

  it('are explained with the defaults that hold, in lines that fit 60 columns', () => {
    for (const name of ['features', 'dims', 'density', 'allowed', 'seed'] as const)
      expect(HELP).toMatch(new RegExp(`--${name} [^-]*\\(default\\s+${DEFAULTS[name]}\\)`));
    for (const line of HELP.split('\n')) expect(line.length).toBeLessThanOrEqual(60);
  });
});
