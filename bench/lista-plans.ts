// What `--only lista` runs: the table, the cost of steps, and the join with the lasso.
import type { Peers } from './contenders.js';
import { type ListaNetwork, type ListaPlan, runLista } from './lista.js';
import { type ListaJoinPlan, runListaJoin } from './lista-join.js';
import { publishedShape } from './lista-problem.js';
import { type ListaStepsPlan, runListaSteps } from './lista-steps.js';
import type { ListaResult } from './result-lista.js';
import { workloads } from './workloads.js';

export interface ListaPlans {
  readonly table: ListaPlan;
  readonly steps: Omit<ListaStepsPlan, 'folder'>;
  readonly join: ListaJoinPlan;
}

/** Layer after layer: of each layer three stages of so many steps. */
const layerwise = (steps: number, learningRate: number) =>
  ({ schedule: 'layerwise', steps, batchSize: 64, learningRate }) as const;

/** Rates, lengths and ridges were found by trial, on other samples than those of the table. */
const networks: readonly ListaNetwork[] = [
  { name: 'lista', variant: 'lista', training: layerwise(50, 4e-4) },
  { name: 'lista-cp', variant: 'lista-cp', training: layerwise(150, 1e-3) },
  { name: 'lista-cpss', variant: 'lista-cpss', training: layerwise(100, 1e-3) },
  { name: 'tilista', variant: 'tilista', training: layerwise(100, 1e-3) },
  { name: 'alista', variant: 'alista', selection: false, training: layerwise(60, 5e-3) },
  { name: 'alista, selection', variant: 'alista', finished: true, training: layerwise(100, 1e-2) },
  {
    ...{ name: 'alista, selection, ridge', variant: 'alista', finished: true },
    ...{ training: layerwise(100, 1e-2), ridges: { 40: 1, 20: 2 } },
  },
  { name: 'alista-at', variant: 'alista-at', finished: true, training: layerwise(100, 1e-2) },
  {
    ...{ name: 'alista-at, ridge', variant: 'alista-at', finished: true },
    ...{ training: layerwise(100, 1e-2), ridges: { 40: 1, 20: 2 } },
  },
  { name: 'hyperlista', variant: 'hyperlista', training: { steps: 1 } },
  {
    ...{ name: 'hyperlista, ridge', variant: 'hyperlista' },
    ...{ training: { steps: 1 }, ridges: { 40: 1, 20: 1 } },
  },
];

const layers = 16;
const variants: ListaStepsPlan['variants'] = [
  { variant: 'lista' },
  { variant: 'lista-cp' },
  { variant: 'lista-cpss' },
  { variant: 'tilista' },
  { variant: 'alista', selection: false },
  { variant: 'alista' },
  { variant: 'alista-at' },
];
const shown = [1, 2, 3, 4, 6, 8, 10, 12, 14, 16];
const of = (...names: readonly string[]) => workloads.filter(({ name }) => names.includes(name));

export const listaPlans = {
  full: {
    table: {
      ...{ shape: publishedShape, layers, shown, snrs: [Number.POSITIVE_INFINITY, 40, 20] },
      ...{ samples: 10_000, fewer: 2000, networks, published: true },
    },
    steps: { shape: publishedShape, layers, batch: 512, settling: 20, runs: 9, variants },
    join: {
      ...{ specs: of('W1', 'W2', 'W2c', 'W3'), samples: 1000, trainedOn: 4000, words: true },
      ...{ layers: [2, 4], repeats: 5 },
      training: { variant: 'alista', selection: false, steps: 200, batchSize: 128 },
    },
  },
  quick: {
    table: {
      ...{ shape: { dims: 50, features: 100, density: 0.06 }, layers: 8, shown: [1, 2, 4, 8], snrs: [40] },
      ...{ samples: 400, fewer: 100 },
      networks: networks.map((network) => ({
        ...network,
        training: { ...network.training, steps: Math.min(network.training.steps ?? 1, 4) },
      })),
    },
    steps: {
      ...{ shape: { dims: 50, features: 100, density: 0.06 }, layers: 4, batch: 64, settling: 2, runs: 3 },
      variants: variants.slice(0, 2),
    },
    join: {
      ...{ specs: of('W1'), samples: 100, trainedOn: 400, words: false, layers: [2], repeats: 2 },
      training: { variant: 'alista', selection: false, steps: 10, batchSize: 64 },
    },
  },
} satisfies Record<string, ListaPlans>;

export async function runListaParts(
  { table, steps, join }: ListaPlans,
  {
    folder,
    log,
    peers,
  }: { readonly folder: string; readonly log: (line: string) => void; readonly peers: Peers | undefined },
): Promise<ListaResult> {
  return {
    ...(await runLista(table, log)),
    steps: await runListaSteps({ ...steps, folder }, peers),
    join: await runListaJoin(join, log),
  };
}
