package typegen_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"postern/sidecar/model"
	"postern/sidecar/typegen"
)

// app uses Clerk's types as an app does that has the demo's names. What must not compile
// stands below a comment that fails if it does.
const app = `import type { CheckAuthorizationFromSessionClaims, CheckAuthorizationFn, CheckAuthorizationParamsWithCustomPermissions, OrganizationCustomPermissionKey, OrganizationCustomRoleKey, OrganizationPermissionKey } from "@clerk/shared/types";
import { Features, Permissions, Plans, RoleSets, Roles, SystemPermissions } from "./authorization.js";
import type { Feature, Permission, Plan, Role, RoleSet, SystemPermission } from "./authorization.js";

declare const has: CheckAuthorizationFromSessionClaims;
declare const protect: CheckAuthorizationFn<CheckAuthorizationParamsWithCustomPermissions>;

has({ permission: "org:invoices:create" });
has({ role: "org:analyst" });
protect({ permission: "org:reports:export" });
// @ts-expect-error: a slip of the pen
has({ permission: "org:invoices:crate" });
// @ts-expect-error: no such role
has({ role: "org:admn" });
// @ts-expect-error: the same for protect
protect({ permission: "org:invoices:crate" });
// @ts-expect-error: no token carries a system permission
has({ permission: "org:sys_memberships:manage" });

for (const permission of Permissions) has({ permission });
for (const role of Roles) has({ role });

// Clerk's keys and ours are the same sets.
const permission: OrganizationCustomPermissionKey = "org:invoices:read" as Permission;
const ours: Permission = permission as OrganizationCustomPermissionKey;
const role: OrganizationCustomRoleKey = "org:member" as Role;
const client: OrganizationPermissionKey = "org:sys_memberships:manage";

const feature: Feature = "reports";
const plan: Plan = Plans[0];
const set: RoleSet = RoleSets[0];
const system: SystemPermission = SystemPermissions[0];
// @ts-expect-error: no such feature
const wrong: Feature = "report";
// @ts-expect-error: a list nobody may write to
Features.push("x");
`

// nothing is an app whose model has no roles and no permissions.
const nothing = `import type { CheckAuthorizationFromSessionClaims } from "@clerk/shared/types";
import { Roles } from "./authorization.js";
import type { Feature, Permission, Plan, Role, RoleSet } from "./authorization.js";

declare const has: CheckAuthorizationFromSessionClaims;
has({ feature: "org:reports" });
// @ts-expect-error: there is no role
has({ role: "org:admin" });
// @ts-expect-error: there is no permission
has({ permission: "org:invoices:create" });

type Never<T> = [T] extends [never] ? true : false;
const empty: [Never<Role>, Never<Permission>, Never<Feature>, Never<Plan>, Never<RoleSet>] = [true, true, true, true, true];
const none: readonly never[] = Roles;
`

// mixed is an app whose model has names that are not Clerk's beside such that are.
const mixed = `import type { CheckAuthorizationFromSessionClaims } from "@clerk/shared/types";
import { Permissions, Roles } from "./authorization.js";
import type { Permission, Role } from "./authorization.js";

declare const has: CheckAuthorizationFromSessionClaims;
has({ role: "org:set" });
has({ permission: "org:a:b" });
// @ts-expect-error: no Clerk name
has({ role: "s" });
// @ts-expect-error: no Clerk name
has({ permission: "2fa" });
const role: Role = "s";
const permission: Permission = "2fa";
const both = [...Roles, ...Permissions].length;
`

// TestTypeScript compiles what is generated with the real compiler and the real types. The
// packages are not part of the module: TEST_NODE_MODULES names a node_modules directory
// with typescript and @clerk/shared.
func TestTypeScript(t *testing.T) {
	modules := os.Getenv("TEST_NODE_MODULES")
	if modules == "" {
		if os.Getenv("TEST_REQUIRE_NODE") == "1" {
			t.Fatal("TEST_REQUIRE_NODE=1 and no TEST_NODE_MODULES")
		}
		t.Skip("TEST_NODE_MODULES names no node_modules directory: the TypeScript is not compiled")
	}
	modules, err := filepath.Abs(modules)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		model *model.Model
		app   string
	}{
		"demo":  {demo(t), app},
		"empty": {&model.Model{}, nothing},
		"mixed": {hostileModel(), mixed},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			write(t, filepath.Join(dir, "package.json"), `{"type": "module"}`)
			write(t, filepath.Join(dir, "tsconfig.json"), project)
			write(t, filepath.Join(dir, "authorization.ts"), string(typegen.TypeScript(c.model)))
			write(t, filepath.Join(dir, "app.ts"), c.app)
			if err := os.Symlink(modules, filepath.Join(dir, "node_modules")); err != nil {
				t.Fatal(err)
			}
			if out, err := tsc(dir); err != nil {
				t.Fatalf("tsc: %v\n%s", err, out)
			}
			// The compiler does look: one more slip is an error.
			write(t, filepath.Join(dir, "app.ts"), c.app+"\nhas({ permission: \"org:no:such\" });\n")
			if out, err := tsc(dir); err == nil {
				t.Fatalf("tsc accepts an unknown permission\n%s", out)
			}
		})
	}
}

// project checks strictly. Declarations of packages are not checked: those of Clerk name
// optional packages that are not there.
const project = `{"files": ["app.ts"], "compilerOptions": {"strict": true, "noEmit": true, "skipLibCheck": true,
  "target": "es2022", "module": "nodenext", "moduleResolution": "nodenext", "types": []}}`

func tsc(dir string) ([]byte, error) {
	cmd := exec.Command("node", filepath.Join("node_modules", "typescript", "bin", "tsc"), "--project", ".")
	cmd.Dir = dir
	return cmd.CombinedOutput()
}
