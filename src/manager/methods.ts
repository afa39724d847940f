// All public methods of a manager, by subject.

import type { CreatingMethods } from './creating-methods.ts'
import type { GroupingMethods } from './grouping-methods.ts'
import type { HandoffMethods } from './handoff-methods.ts'
import type { MaintenanceMethods } from './maintenance-methods.ts'
import type { UploadMethods } from './upload-methods.ts'

export interface ManagerMethods
  extends CreatingMethods,
    GroupingMethods,
    HandoffMethods,
    UploadMethods,
    MaintenanceMethods,
    Disposable,
    AsyncDisposable {}
