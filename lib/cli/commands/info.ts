// `unsuperpose info`: what runs here.
import type { CudaInfo } from '../../native/cuda.js';
import { info as find } from '../../native/info.js';
import { rows } from '../print.js';
import type { Command } from '../spec.js';

function describeCuda(cuda: CudaInfo | null): string {
  if (cuda === null) return 'no CUDA module';
  if (!cuda.available) return `none: ${cuda.reason}`;
  const names = cuda.devices.map(({ index, name, computeCapability, reason }) =>
    reason === undefined ? `cuda:${index} ${name} (${computeCapability})` : `cuda:${index} ${reason}`,
  );
  return `${names.join(', ')}; driver ${cuda.driver}, runtime ${cuda.runtime}`;
}

export const info: Command = {
  name: 'info',
  paths: '',
  about: 'Say what runs here: version, instruction set, precisions, threads, GPUs.',
  groups: [],
  examples: [
    { run: 'unsuperpose info', about: 'For people.' },
    { run: 'unsuperpose info --json', about: 'For programs.' },
  ],
  async run() {
    const found = find();
    const { version, isa, supportedIsas, capabilities, precisions, threads, cuda } = found;
    const lines = rows(
      [
        ['unsuperpose', `${version} (Node.js ${process.version}, ${process.platform}-${process.arch})`],
        ['instruction set', `${isa}, of ${supportedIsas.join(', ')}`],
        ['more of it', capabilities.join(', ') || 'nothing'],
        ['precisions', precisions.join(', ')],
        ['threads', String(threads)],
        ['cuda', describeCuda(cuda)],
      ],
      '',
    );
    return { text: lines.join('\n'), json: found };
  },
};
