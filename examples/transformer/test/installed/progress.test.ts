// A stopped run leaves the terminal as it was: the cursor shows, and lines wrap.
import { afterEach, describe, expect, it, vi } from 'vitest';
import { hanging } from '../../src/lines.js';
import { phase } from '../../src/progress.js';

const terminal = Object.getOwnPropertyDescriptor(process.stdout, 'isTTY');
afterEach(() => {
  vi.restoreAllMocks();
  if (terminal) Object.defineProperty(process.stdout, 'isTTY', terminal);
  else Reflect.deleteProperty(process.stdout, 'isTTY');
});

describe('a progress bar', () => {
  it.each(['SIGINT', 'SIGTERM'] as const)(
    'on %s gives the terminal back, then ends the process',
    (signal) => {
      let written = '';
      let ended: unknown;
      Object.defineProperty(process.stdout, 'isTTY', { value: true, configurable: true });
      vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
        written += text;
        return true;
      });
      // By now nothing of ours listens any more, so that the signal does what it always does.
      vi.spyOn(process, 'kill').mockImplementation((_, name) => {
        ended = { name, listeners: process.listenerCount(signal) };
        return true;
      });
      const listeners = process.listenerCount(signal);
      phase(
        'Waiting',
        () => new Promise(() => {}),
        () => '',
      );
      expect(written).toContain('\x1b[?25l');
      process.emit(signal, signal as never);
      expect(written.lastIndexOf('\x1b[?25h')).toBeGreaterThan(written.lastIndexOf('\x1b[?25l'));
      expect(written.lastIndexOf('\x1b[?7h')).toBeGreaterThan(written.lastIndexOf('\x1b[?7l'));
      expect(ended).toEqual({ name: signal, listeners });
    },
  );

  it('leaves no listener behind, whether its work ends or fails', async () => {
    const before = process.listenerCount('SIGINT');
    vi.spyOn(console, 'log').mockImplementation(() => {});
    await phase(
      'Working',
      async () => 1,
      () => 'done',
    );
    const failing = phase(
      'Failing',
      async () => {
        throw new Error('no');
      },
      () => '',
    );
    await expect(failing).rejects.toThrow('no');
    expect(process.listenerCount('SIGINT')).toBe(before);
  });
});

it('lines break at the width of the terminal, under their own start', () => {
  const columns = Object.getOwnPropertyDescriptor(process.stdout, 'columns');
  Object.defineProperty(process.stdout, 'columns', { value: 60, configurable: true });
  const lines = hanging('precision 100.0%, recall 100.0%, proved exact 100.0%', 40).split('\n');
  expect(lines.map((line) => line.trim()).join(' ')).toBe(
    'precision 100.0%, recall 100.0%, proved exact 100.0%',
  );
  expect(40 + (lines[0] as string).length).toBeLessThanOrEqual(60);
  for (const line of lines.slice(1)) {
    expect(line.length).toBeLessThanOrEqual(60);
    expect(line).toMatch(/^ {40}\S/);
  }
  if (columns) Object.defineProperty(process.stdout, 'columns', columns);
  else Reflect.deleteProperty(process.stdout, 'columns');
});
