// Inputs that were scaled before training: by s = √dims / mean norm, which a checkpoint may have, have been given, or leave out.
import { UnsuperposeError } from '../../call/errors.js';
import { digits } from '../../call/inspect.js';
import { type Decision, foldScale, type Given, type Question } from './draft.js';

/** Two scales as near as this are one. */
const SAME = 0.02;

/** What is to be done about a scale that the files do not have. */
export function openScale(
  where: string,
  setting: string,
  transcoder: boolean,
  { inputScale, probeScale }: Given,
): { readonly decisions: readonly Decision[]; readonly questions: readonly Question[] } {
  if (transcoder && (inputScale ?? Number.NaN) !== 1)
    throw new UnsuperposeError(
      'ERR_OPTION',
      `${where} says ${setting}: it was trained on inputs and targets that were scaled, each by a factor that the files do not have. Give inputScale: 1, and scale both yourself`,
      'inputScale',
    );
  const fold = (s: number) => ({
    decided:
      s === 1 ? 'inputs are taken as they are' : `scale ${digits(s)} folded in: W_enc·s, W_dec/s, b_dec/s`,
    apply: (parts: Parameters<typeof foldScale>[0]) => (s === 1 ? parts : foldScale(parts, s)),
  });
  if (inputScale !== undefined)
    return {
      decisions: [],
      questions: [{ about: setting, scale: true, answers: [fold(inputScale)], from: 'inputScale' }],
    };
  const near = probeScale !== undefined && Math.abs(probeScale - 1) <= SAME;
  return {
    decisions: [],
    questions: [
      {
        about: setting,
        scale: true,
        answers: [fold(1), ...(probeScale === undefined || near ? [] : [fold(probeScale)])],
        from: near ? "the probe's mean norm, which is √dims" : 'inputScale',
        ...(!near && {
          open: `${where} says ${setting}: it was trained on inputs scaled by s = √dims / (mean norm of an activation), which the files do not have, and without it the wrong features become active. Give inputScale: s; or inputScale: 1 if you scale activations yourself; or a probe of activations as they are, whose mean norm then tells`,
        }),
      },
    ],
  };
}
