import { MockError } from "./errors.js";

/** What is imported from here by mistake: without it, the error is "test is not a function". `never` is not callable. */
function elsewhere(name: string, ...where: string[]): never {
  const refuse = () => {
    throw new MockError(`\`${name}\` is not in doubletext-testing. Import it from ${where.map((one) => `doubletext-testing/${one}`).join(" or ")}`);
  };
  return refuse as never;
}

/** In `doubletext-testing/vitest` and `doubletext-testing/playwright`. */
export const test: never = elsewhere("test", "vitest", "playwright");
/** In `doubletext-testing/vitest`. */
export const mockTest: never = elsewhere("mockTest", "vitest");
/** In `doubletext-testing/jest`. */
export const useMock: never = elsewhere("useMock", "jest");
