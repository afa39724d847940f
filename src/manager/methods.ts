// All public methods of a manager, by subject.

import type { EntryMethods } from '../types.ts'
import type { CheckingMethods } from './checking-methods.ts'
import type { GroupingMethods } from './grouping-methods.ts'
import type { HandoffMethods } from './handoff-methods.ts'
import type { MaintenanceMethods } from './maintenance-methods.ts'
import type { UploadMethods } from './upload-methods.ts'

export interface ManagerMethods
  extends EntryMethods,
    CheckingMethods,
    GroupingMethods,
    HandoffMethods,
    UploadMethods,
    MaintenanceMethods,
    Disposable,
    AsyncDisposable {}
