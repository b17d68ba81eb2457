// `unsuperpose build`: the native module where there is no prebuilt one. What follows goes to the build as it is.
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { messageOf } from '../../call/errors.js';
import { ROOT } from '../../native/root.js';

export const BUILD_ABOUT = 'Compile the native module on this machine.';

export const BUILD_HELP = `Usage: unsuperpose build [options]

${BUILD_ABOUT}
It takes a C++20 compiler with make or ninja. What the build needs of npm packages is fetched.

Options:
  --cuda      the module for NVIDIA GPUs too; it takes nvcc
  -h, --help  print this
  Other options go to cmake-js.

Examples:
  unsuperpose build
      Compiles, and shows that what was compiled loads.
  unsuperpose build --cxx clang++
      The same with another compiler.
`;

/** Compiles, then shows that the result loads. */
export async function build(options: readonly string[]): Promise<number> {
  if (options.includes('--help') || options.includes('-h')) {
    process.stdout.write(BUILD_HELP);
    return 0;
  }
  if (ROOT === undefined) {
    console.error('unsuperpose build: this code was bundled away from its package, which has the sources');
    return 1;
  }
  const script = join(ROOT, 'scripts', 'build.mjs');
  const { status } = spawnSync(process.execPath, [script, ...options], { stdio: 'inherit' });
  if (status !== 0) return status ?? 1;
  try {
    const { info } = await import('../../native/info.js');
    const { version, isa } = info();
    console.log(`unsuperpose ${version} is built, and loads: instruction set ${isa}`);
    return 0;
  } catch (error) {
    console.error(`unsuperpose build: compiled, but not usable: ${messageOf(error)}`);
    return 1;
  }
}
