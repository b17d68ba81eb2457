// What `npm run lint` asks of imports in lib/, imports of types counted.

/**
 * The floors of lib/, from the ground up. A folder imports from floors below its own and from itself, not from its neighbours on the
 * same floor: so each topic can be read, tested and changed with nothing in mind but what lies under it.
 */
const FLOORS = [
  ['call'], // what any call checks before it knows what it computes
  ['native'], // the native module: found, loaded, asked
  ['files'], // matrices and arrays in files, which know nothing of dictionaries or codes; so what these are saved as is for data/ to say
  ['data'], // dictionaries, codes, and the kernels on them
  ['unfold'],
  ['learn', 'sae', 'lista', 'geometry', 'claims', 'toy'],
  ['evaluate'], // scores of whatever was learned
  ['cli'],
];

const inside = (folders) => `^lib/(${folders.join('|')})/`;
const ENTRY = '^lib/index\\.ts$';

export default {
  forbidden: [
    {
      name: 'circle',
      comment:
        'Files that import each other can only be understood together: move what both need below them.',
      severity: 'error',
      from: { path: '^lib/' },
      to: { circular: true },
    },
    ...FLOORS.flatMap((floor, at) =>
      floor.map((folder) => ({
        name: `above-${folder}`,
        comment: 'A folder imports from the floors below it only (FLOORS in .dependency-cruiser.mjs).',
        severity: 'error',
        from: { path: inside([folder]) },
        to: { path: '^lib/', pathNot: inside([folder, ...FLOORS.slice(0, at).flat()]) },
      })),
    ),
    {
      name: 'no-floor',
      comment:
        'Every file of lib/ but its entry lies in a folder with a floor (FLOORS in .dependency-cruiser.mjs).',
      severity: 'error',
      from: { path: '^lib/' },
      to: { path: '^lib/', pathNot: [inside(FLOORS.flat()), ENTRY] },
    },
    {
      name: 'entry',
      comment:
        'lib/index.ts is for users: inside lib/, import from the file that has it. index.cts is for users too.',
      severity: 'error',
      from: { path: '^lib/', pathNot: '^lib/index\\.cts$' },
      to: { path: ENTRY },
    },
    {
      name: 'unresolved',
      comment: 'An import that is not followed is not checked.',
      severity: 'error',
      from: { path: '^lib/' },
      to: { couldNotResolve: true },
    },
  ],
  options: {
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    doNotFollow: { path: 'node_modules' },
  },
};
