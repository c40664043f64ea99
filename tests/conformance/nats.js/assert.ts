// The assertions that nats.js's tests use of @std/assert, over those of Node, which Deno has.
import { isDeepStrictEqual } from "node:util";

export class AssertionError extends Error {
  override name = "AssertionError";
}

// deno-lint-ignore no-explicit-any
type ErrorClass = abstract new (...args: any[]) => Error;

function show(value: unknown): string {
  return Deno.inspect(value, { depth: 6, sorted: true });
}

function why(message: string | undefined, otherwise: string): AssertionError {
  return new AssertionError(message === undefined ? otherwise : `${message}: ${otherwise}`);
}

export function equal(a: unknown, b: unknown): boolean {
  return isDeepStrictEqual(a, b);
}

export function assert(value: unknown, message?: string): asserts value {
  if (!value) throw why(message, "it is not so");
}

export function assertFalse(value: unknown, message?: string): void {
  if (value) throw why(message, "it is so");
}

export function fail(message?: string): never {
  throw why(message, "failed");
}

export function assertEquals<T>(actual: T, expected: T, message?: string): void {
  if (!equal(actual, expected)) throw why(message, `${show(actual)} is not ${show(expected)}`);
}

export function assertNotEquals<T>(actual: T, expected: T, message?: string): void {
  if (equal(actual, expected)) throw why(message, `both are ${show(actual)}`);
}

export function assertExists<T>(value: T, message?: string): asserts value is NonNullable<T> {
  if (value === undefined || value === null) throw why(message, `it is ${value}`);
}

export function assertInstanceOf<T>(
  value: unknown,
  // deno-lint-ignore no-explicit-any
  type: abstract new (...args: any[]) => T,
  message?: string,
): asserts value is T {
  if (!(value instanceof type)) throw why(message, `${show(value)} is no ${type.name}`);
}

export function assertMatch(actual: string, expected: RegExp, message?: string): void {
  if (!expected.test(actual)) throw why(message, `${show(actual)} does not match ${expected}`);
}

export function assertStringIncludes(actual: string, expected: string, message?: string): void {
  if (!actual.includes(expected)) throw why(message, `${show(actual)} does not contain ${show(expected)}`);
}

export function assertArrayIncludes<T>(
  actual: ArrayLike<T>,
  expected: ArrayLike<T>,
  message?: string,
): void {
  const all = Array.from(actual);
  const missing = Array.from(expected).filter((one) => !all.some((other) => equal(one, other)));
  if (missing.length > 0) throw why(message, `${show(all)} lacks ${show(missing)}`);
}

export function assertAlmostEquals(
  actual: number,
  expected: number,
  tolerance = Math.abs(expected) * 1e-7 || 1e-7,
  message?: string,
): void {
  if (Object.is(actual, expected)) return;
  if (!(Math.abs(actual - expected) <= tolerance)) throw why(message, `${actual} is not about ${expected}`);
}

export function assertIsError<E extends Error = Error>(
  error: unknown,
  // deno-lint-ignore no-explicit-any
  type?: abstract new (...args: any[]) => E,
  text?: string | RegExp,
  message?: string,
): asserts error is E {
  if (!(error instanceof Error)) throw why(message, `${show(error)} is no Error`);
  if (type !== undefined && !(error instanceof type)) {
    throw why(message, `${error.name} "${error.message}" is no ${type.name}`);
  }
  if (text === undefined) return;
  const fits = typeof text === "string" ? error.message.includes(text) : text.test(error.message);
  if (!fits) throw why(message, `the error says "${error.message}", not "${text}"`);
}

// Both forms: (f, message) and (f, class, text, message).
function check(error: unknown, type?: ErrorClass | string, text?: string, message?: string): unknown {
  if (typeof type !== "function") {
    assertIsError(error, undefined, undefined, type);
  } else {
    assertIsError(error, type, text, message);
  }
  return error;
}

export function assertThrows(
  f: () => unknown,
  type?: ErrorClass | string,
  text?: string,
  message?: string,
): unknown {
  try {
    f();
  } catch (error) {
    return check(error, type, text, message);
  }
  throw why(typeof type === "string" ? type : message, "nothing was thrown");
}

export async function assertRejects(
  f: () => PromiseLike<unknown>,
  type?: ErrorClass | string,
  text?: string,
  message?: string,
): Promise<unknown> {
  let promise;
  try {
    promise = f();
  } catch {
    throw why(message, "it threw instead of rejecting");
  }
  try {
    await promise;
  } catch (error) {
    return check(error, type, text, message);
  }
  throw why(typeof type === "string" ? type : message, "it did not reject");
}
