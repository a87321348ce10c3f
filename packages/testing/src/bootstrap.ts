/**
 * The program that Python runs. It must be readable for every Python 3, so that an old one can say that it is too old.
 *
 * It does not look for packages in the current folder, where an application may have a folder of the same name. It ends
 * when its standard input does, so that no mock is left behind by a test process that was killed.
 */
export const BOOTSTRAP = `
import sys
sys.path[:] = [one for one in sys.path if one]
def tell(problem, text):
    print("problem " + problem + " " + text)
    sys.exit(3)
if sys.version_info < (3, 11):
    tell("python", "%d.%d" % sys.version_info[:2])
try:
    from mockserver.__main__ import main
except ImportError as error:
    tell("package", "%s" % error)
import os, signal, threading
def watch():
    while os.read(0, 1024):
        pass
    os.kill(os.getpid(), signal.SIGTERM)
threading.Thread(target=watch, daemon=True).start()
sys.exit(main(sys.argv[1:], "doubletext mock"))
`;
