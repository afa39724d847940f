// The methods that end entries together: scopes, and functions for code without `using`. The implementation is in manager.ts.

import type { DirOptions, FileOptions } from '../input/file-options.ts'
import type { ScopeOptions, TempDir, TempFile, TempScope } from '../types.ts'

/** How a manager ends entries together: scopes, and functions for code without `using`. */
export interface GroupingMethods {
  /**
   * Creates a group of entries that are disposed together, last created first.
   * @throws ERR_TEMP_CLOSED
   * @category Grouping
   */
  scope(options?: ScopeOptions): TempScope

  /**
   * Calls `fn` with a scope and ends the scope when `fn` has finished. An error that `fn` throws marks the scope as failed.
   * @returns the value that `fn` returned
   * @category Grouping
   */
  withScope<T>(fn: (scope: TempScope) => Promise<T> | T): Promise<T>
  withScope<T>(options: ScopeOptions, fn: (scope: TempScope) => Promise<T> | T): Promise<T>

  /**
   * Without `using`: creates a file, calls `fn`, removes the file.
   * @returns the value that `fn` returned
   * @category Grouping
   */
  withFile<T>(fn: (file: TempFile) => Promise<T> | T): Promise<T>
  withFile<T>(options: string | FileOptions, fn: (file: TempFile) => Promise<T> | T): Promise<T>

  /**
   * Without `using`: creates a directory, calls `fn`, removes the directory.
   * @returns the value that `fn` returned
   * @category Grouping
   */
  withDir<T>(fn: (dir: TempDir) => Promise<T> | T): Promise<T>
  withDir<T>(options: string | DirOptions, fn: (dir: TempDir) => Promise<T> | T): Promise<T>
}
