/** Replacing functions of the host, and putting them back exactly as they were. */

export type HostFunction = (this: unknown, ...parameters: never[]) => unknown;

export class Replacements {
  private readonly undo: (() => void)[] = [];
  private readonly isHere: () => boolean;

  /** Only callers for whom `isHere` holds get the replacements. */
  constructor(isHere: () => boolean) {
    this.isHere = isHere;
  }

  /** Replaces a function. Whoever keeps the replacement (a spy, a library) has the original again when it is put back. */
  replace(target: object, key: string, replacement: HostFunction): void {
    const original: unknown = Reflect.get(target, key);
    const { isHere } = this;
    this.define(
      target,
      key,
      keepProperties(original, function (this: unknown, ...parameters: never[]): unknown {
        const chosen = isHere() || typeof original !== 'function' ? replacement : original;
        return Reflect.apply(chosen, this, parameters);
      }),
    );
  }

  define(target: object, key: string, value: unknown): void {
    const before = Object.getOwnPropertyDescriptor(target, key);
    this.undo.push(() => {
      if (before) Object.defineProperty(target, key, before);
      else Reflect.deleteProperty(target, key);
    });
    Object.defineProperty(target, key, {
      value,
      configurable: true,
      writable: true,
      enumerable: before?.enumerable ?? true,
    });
  }

  /** Called after everything is back in its place. */
  afterwards(task: () => void): void {
    this.undo.unshift(task);
  }

  putBack(): void {
    for (const undo of this.undo.reverse()) undo();
    this.undo.length = 0;
  }
}

function keepProperties(original: unknown, replacement: HostFunction): HostFunction {
  const name = typeof original === 'function' ? original.name : 'replacement';
  return Object.defineProperty(replacement, 'name', { value: name, configurable: true });
}
