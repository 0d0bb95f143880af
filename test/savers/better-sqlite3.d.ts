/** The part of better-sqlite3 that the saver uses; the package has no types of its own. */
declare module 'better-sqlite3' {
  import type { SqliteDatabase } from 'kysely';

  const Database: new (path: string) => SqliteDatabase;
  export default Database;
}
