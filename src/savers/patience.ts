/** Trying again while others keep a database locked. Not by waiting in the database: the other one may be in this very thread. */

export type Patiently = <T>(work: () => Promise<T>) => Promise<T>;

/** Tries again for so many ms. What is tried must leave nothing behind when it fails. */
export const patience =
  (ms: number): Patiently =>
  async (work) => {
    const end = Date.now() + ms;
    for (let pause = 1; ; pause = Math.min(50, pause * 2)) {
      try {
        return await work();
      } catch (error) {
        if (!isBusy(error) || Date.now() > end) throw error;
      }
      await new Promise((resolve) => setTimeout(resolve, Math.random() * pause));
    }
  };

/** SQLite is locked, or Postgres has chosen this transaction to give way. */
export function isBusy(error: unknown): boolean {
  const { code, errcode } = (error ?? {}) as { code?: unknown; errcode?: unknown };
  if (typeof errcode === 'number') return (errcode & 0xff) === 5;
  return typeof code === 'string' && /^(SQLITE_BUSY.*|40001|40P01)$/.test(code);
}
